import DequeModule
import NIOCore
import RookeryCore
import RookeryWire
import Synchronization

/// The values of a client stream between the connection that receives them and the handler that reads them.
///
/// The connection calls it on its loop, and the handler on any thread.
final class ClientStreamReceiver: Sendable {
    private struct State {
        /// The values that came and were not taken, in order, with the memory that they are charged. Nil: it is being inflated.
        var values: Deque<(payload: Payload?, memory: Int)> = []
        /// The number of the first of ``values``.
        var first = 0
        /// The values that the client may still send.
        var credit = CreditWindow()
        /// The values that the handler has taken since credit was granted.
        var taken = 0
        var end: Result<Void, any Error>?
        var waiting: CheckedContinuation<Taken?, any Error>?
        /// Since when the handler waits for the client.
        var waitingSince = NIODeadline.now()

        /// The next value, the end, or nil while neither has come.
        mutating func next() -> Result<Taken?, any Error>? {
            if let value = values.first {
                if let payload = value.payload {
                    values.removeFirst()
                    first += 1
                    return .success((payload, value.memory))
                }
                // A failure does not wait for what is being inflated.
                if case .failure? = end {} else { return nil }
            }
            return end?.map { nil }
        }
    }

    private typealias Taken = (payload: Payload, memory: Int)

    /// Two tasks read one client stream.
    private struct ReadTwice: Error {}

    /// Credit is granted in steps of half of what a client may send at first.
    private static let step = BinaryHeader.initialCredit / 2

    private let state = Mutex(State())
    /// Called when the handler has taken a value, with its memory and the credit to grant, on any thread.
    private let taken: @Sendable (_ memory: Int, _ credit: Int) -> Void

    init(taken: @escaping @Sendable (_ memory: Int, _ credit: Int) -> Void) { self.taken = taken }

    // MARK: The handler

    /// Returns the next value, or nil behind the last one. Throws what ended the stream, and `CancellationError`.
    func next() async throws -> Payload? {
        try Task.checkCancellation()
        let value = try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Taken?, any Error>) in
                let result = state.withLock { state -> Result<Taken?, any Error>? in
                    if state.waiting != nil { return .failure(ReadTwice()) }
                    if let result = state.next() { return result }
                    state.waiting = continuation
                    state.waitingSince = .now()
                    return nil
                }
                if let result { continuation.resume(with: result) }
            }
        } onCancel: {
            finish(.failure(CancellationError()))
        }
        guard let value else { return nil }
        let credit = state.withLock { state in
            state.taken += 1
            guard state.taken >= Self.step, state.end == nil else { return 0 }
            defer { state.taken = 0 }
            state.credit.granted(state.taken)
            return state.taken
        }
        taken(value.memory, credit)
        return value.payload
    }

    // MARK: The connection

    /// Takes a credit, and a place for a value of `memory` bytes. Returns the number of the place, or nil without credit.
    func reserve(_ memory: Int) -> Int? {
        state.withLock { state in
            guard state.credit.take() else { return nil }
            state.values.append((nil, memory))
            return state.first + state.values.count - 1
        }
    }

    /// Puts a value into its place. Does nothing if the stream was discarded.
    func fill(_ place: Int, _ value: Payload) {
        let resume = state.withLock { state -> (() -> Void)? in
            let at = place - state.first
            guard at >= 0, at < state.values.count else { return nil }
            state.values[at].payload = value
            return Self.wake(&state)
        }
        resume?()
    }

    /// Ends the stream, behind the values that came before.
    func finish(_ end: Result<Void, any Error>) {
        let resume = state.withLock { state -> (() -> Void)? in
            if state.end == nil { state.end = end }
            return Self.wake(&state)
        }
        resume?()
    }

    /// Returns how to resume the handler, if it waits and there is something for it.
    private static func wake(_ state: inout State) -> (() -> Void)? {
        guard let waiting = state.waiting, let result = state.next() else { return nil }
        state.waiting = nil
        return { waiting.resume(with: result) }
    }

    /// Whether the handler has waited for the client since before `instant`.
    func hasWaited(since instant: NIODeadline) -> Bool {
        state.withLock { $0.waiting != nil && $0.values.isEmpty && $0.waitingSince < instant }
    }

    /// Drops the values that the handler has not taken. Returns their memory.
    func discard() -> Int {
        finish(.failure(CancellationError()))
        return state.withLock { state in
            defer {
                state.first += state.values.count
                state.values = []
            }
            return state.values.reduce(0) { $0 + $1.memory }
        }
    }
}

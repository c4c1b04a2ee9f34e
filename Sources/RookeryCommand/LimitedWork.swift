import OrderedCollections
import Rookery
import Synchronization

/// Simulates a service of limited capacity. Messages over the limit wait in order of arrival.
final class LimitedWork: Sendable {
    private struct State {
        var free: Int
        var waiting: OrderedDictionary<UInt64, CheckedContinuation<Void, any Error>> = [:]
        var nextID: UInt64 = 0
    }

    private let state: Mutex<State>
    private let duration: Duration

    init(places: Int, duration: Duration) {
        state = Mutex(State(free: places))
        self.duration = duration
    }

    /// The route `{"cmd":"work"}`. It takes a place, sleeps for the duration, and answers with its own message.
    var route: Route {
        .raw(Pattern(cmd: "work")) { [self] value in
            try await place()
            defer { give() }
            try await Task.sleep(for: duration)
            return value
        }
    }

    private func place() async throws {
        let id = state.withLock { state in
            state.nextID += 1
            return state.nextID
        }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let isFree = state.withLock { state in
                    if Task.isCancelled || state.free > 0 {
                        state.free -= 1
                        return true
                    }
                    state.waiting[id] = continuation
                    return false
                }
                if isFree { continuation.resume() }
            }
        } onCancel: {
            state.withLock { $0.waiting.removeValue(forKey: id) }?.resume(throwing: CancellationError())
        }
    }

    private func give() {
        let next = state.withLock { state in
            if state.free < 0 || state.waiting.isEmpty {
                state.free += 1
                return nil as CheckedContinuation<Void, any Error>?
            }
            return state.waiting.removeFirst().value
        }
        next?.resume()
    }
}

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
        var values: Deque<Payload> = []
        /// The values that the client may still send.
        var credit = CreditWindow()
        /// The values that the handler has taken since credit was granted.
        var taken = 0
        var end: Result<Void, any Error>?
        var waiting: CheckedContinuation<Payload?, any Error>?
    }

    /// Credit is granted in steps of half of what a client may send at first.
    private static let step = BinaryHeader.initialCredit / 2

    private let state = Mutex(State())
    /// Called when the handler has taken a value, with its bytes and the credit to grant, on any thread.
    private let taken: @Sendable (_ bytes: Int, _ credit: Int) -> Void

    init(taken: @escaping @Sendable (_ bytes: Int, _ credit: Int) -> Void) { self.taken = taken }

    /// Returns the next value, or nil behind the last one. Throws what ended the stream, and `CancellationError`.
    func next() async throws -> Payload? {
        try Task.checkCancellation()
        let value = try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Payload?, any Error>) in
                let result = state.withLock { state -> Result<Payload?, any Error>? in
                    if let value = state.values.popFirst() { return .success(value) }
                    if let end = state.end { return end.map { nil } }
                    state.waiting = continuation
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
        taken(value.body.readableBytes, credit)
        return value
    }

    /// Takes a value from the client. Returns false if the client had no credit for it.
    func received(_ value: Payload) -> Bool {
        let (isGranted, waiting) = state.withLock { state -> (Bool, CheckedContinuation<Payload?, any Error>?) in
            guard state.credit.take() else { return (false, nil) }
            if let waiting = state.waiting {
                state.waiting = nil
                return (true, waiting)
            }
            state.values.append(value)
            return (true, nil)
        }
        waiting?.resume(returning: value)
        return isGranted
    }

    /// Ends the stream, behind the values that came before.
    func finish(_ end: Result<Void, any Error>) {
        let waiting = state.withLock { state in
            defer { state.waiting = nil }
            if state.end == nil { state.end = end }
            return state.waiting
        }
        waiting?.resume(with: end.map { nil })
    }

    /// Drops the values that the handler has not taken. Returns their bytes.
    func discard() -> Int {
        finish(.failure(CancellationError()))
        return state.withLock { state in
            defer { state.values = [] }
            return state.values.reduce(0) { $0 + $1.body.readableBytes }
        }
    }
}

extension ServerConnection {
    /// Takes a value of a client stream, or its end.
    func receivedClientStream(_ header: BinaryHeader, _ body: ByteBuffer, _ negotiated: Negotiated) throws(FramingError)
    {
        // The handler may have answered already.
        guard let receiver = clientStreams[header.id] else { return }
        if header.kind == .end {
            clientStreams[header.id] = nil
            return receiver.finish(.success(()))
        }
        if header.flags.contains(.compressed), !negotiated.compresses {
            throw .damagedFrame("no compression was agreed on")
        }
        let limit = shared.configuration.limits.frame
        let size = FramePayload.originalSize(header, body)
        if size > limit { throw .frameTooLarge(declared: size, limit: limit) }
        func end(_ error: RemoteError) { endClientStream(header.id, error) }
        guard mayKeep(size) else {
            shared.counters.count(.shed)
            return end(.noMemory)
        }
        let value: Payload
        do {
            value = try FramePayload.read(header, body, negotiated, executor.compression, limit: limit)
        } catch let error as FramingError {
            throw error
        } catch {
            return end(RemoteError(.invalidPayload, "A value of the client cannot be decoded."))
        }
        memory.keep(value.body.readableBytes, shared.memory, entry.peer)
        if receiver.received(value) { return }
        memory.keep(-value.body.readableBytes, shared.memory, entry.peer)
        end(RemoteError(.invalidPayload, "The client sent more values than it had credit for."))
    }

    /// Ends a client stream with an error, which its handler gets behind the values that came before.
    func endClientStream(_ id: UInt64, _ error: RemoteError) {
        clientStreams.removeValue(forKey: id)?.finish(.failure(error))
    }

    /// Makes the receiver of the client stream behind a message.
    func receiveClientStream(_ header: BinaryHeader) -> ClientStreamReceiver {
        let (id, executor) = (header.id, executor)
        let receiver = ClientStreamReceiver { [weak self] bytes, credit in
            guard let self else { return }
            if executor.eventLoop.inEventLoop { return self.handlerTook(bytes, credit, id) }
            executor.eventLoop.execute {
                self.handlerTook(bytes, credit, id)
                executor.drain()
            }
        }
        clientStreams[id] = receiver
        return receiver
    }

    /// Returns the memory of a value that the handler has taken, and grants the client credit for more.
    private func handlerTook(_ bytes: Int, _ credit: Int, _ id: UInt64) {
        guard inFlight > 0 else { return }
        memory.keep(-bytes, shared.memory, entry.peer)
        guard credit > 0, clientStreams[id] != nil else { return }
        var header = BinaryHeader(.credit, id: id)
        header.amount = UInt32(credit)
        write(header)
    }
}

import NIOCore
import RookeryCore
import Synchronization

/// A call between its caller and the connection.
///
/// Made by the caller, then confined to the connection's event loop, but for the flag by which a cancelled caller says so.
final class PendingCall: @unchecked Sendable {
    let id: UInt64
    let deadline: NIODeadline
    let name: String
    /// Events are done when they are written.
    let expectsReply: Bool
    /// The frame, when it could not be written at once.
    var frame: [UInt8]?
    var continuation: CheckedContinuation<Payload, any Error>?
    var wasWritten = false
    /// The last value that came without saying it is the last.
    var value = Payload.absent
    private let cancelled = Atomic<Bool>(false)

    init(id: UInt64, call: OutgoingCall) {
        self.id = id
        deadline = call.deadline
        name = call.command.name
        expectsReply = call.command.kind != .event
    }

    var isCancelled: Bool { cancelled.load(ordering: .acquiring) }
    func cancel() { cancelled.store(true, ordering: .releasing) }
}

extension PendingCall {
    /// Answers the caller, once: the continuation is taken.
    func resume(with result: Result<Payload, any Error>) {
        let continuation = self.continuation
        self.continuation = nil
        continuation?.resume(with: result)
    }

    func resume(throwing error: any Error) { resume(with: .failure(error)) }
    func resume(returning payload: Payload) { resume(with: .success(payload)) }
}

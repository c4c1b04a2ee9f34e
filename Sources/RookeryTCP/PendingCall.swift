import NIOCore
import RookeryCore
import RookeryWire
import Synchronization

/// A call between its caller and the connection.
///
/// Made by the caller, then confined to the connection's event loop, but for the flag by which a cancelled caller says so.
final class PendingCall: @unchecked Sendable {
    /// What is done with the answers.
    enum Kind {
        /// One answer, for the continuation.
        case request
        /// None; done when it is written.
        case event
        /// Values, for the stream.
        case stream(SharedStream)
        /// What a new connection begins with; the answer agrees on the frames.
        case hello
        /// An answer, whatever it says: the peer lives.
        case ping
        /// The same, on a connection that has been silent; without an answer in time it is given up.
        case keepalive
    }

    /// What is called; nil for a hello and a ping.
    let call: Call?
    let kind: Kind
    /// Where it is under way, and its number there; nil before and after.
    var link: ClientLink?
    var id: UInt64 = 0
    var deadline: NIODeadline
    /// The payload, when it was written before its turn.
    var encoded: EncodedPayload?
    var continuation: UnsafeContinuation<Payload, any Error>?
    var wasWritten = false
    /// Its command is keyed, and its key was not sent, because the peer takes no metadata.
    var isWithoutKey = false
    /// The last value that came without saying it is the last.
    var value = Payload.absent
    private let cancelled = Atomic<Bool>(false)

    init(_ call: Call) {
        self.call = call
        deadline = call.deadlineInstant
        kind = call.command.kind == .event ? .event : .request
    }

    init(_ call: Call, stream: SharedStream) {
        self.call = call
        deadline = .now() + TimeAmount(call.silenceLimit)
        kind = .stream(stream)
    }

    /// A hello or a ping.
    init(_ kind: Kind, before deadline: NIODeadline) {
        call = nil
        self.deadline = deadline
        self.kind = kind
    }

    var isHello: Bool { if case .hello = kind { true } else { false } }
    /// Whether the connection makes it for itself.
    var isOwn: Bool {
        switch kind {
        case .hello, .keepalive: true
        case .request, .event, .stream, .ping: false
        }
    }
    var name: String { call?.command.name ?? Hello.pattern }
    var isCancelled: Bool { cancelled.load(ordering: .acquiring) }
    func cancel() { cancelled.store(true, ordering: .releasing) }

    /// Answers the caller, once: the continuation is taken.
    func resume(with result: Result<Payload, any Error>) {
        if case .stream(let stream) = kind { return stream.finish(result) }
        let continuation = self.continuation
        self.continuation = nil
        continuation?.resume(with: result)
    }

    func resume(throwing error: any Error) { resume(with: .failure(error)) }
    func resume(returning payload: Payload) { resume(with: .success(payload)) }
}

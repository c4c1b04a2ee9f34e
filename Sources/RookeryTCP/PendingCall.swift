import NIOCore
import RookeryCore
import RookeryWire
import Synchronization

/// A call on its way between its caller and the connection.
///
/// The caller makes it; from then on it is confined to the connection's event loop. Only the cancellation flag is
/// shared: a cancelled caller sets it.
final class PendingCall: @unchecked Sendable {
    /// What the call is, and where its answers go.
    enum Kind {
        /// One answer resumes the continuation.
        case request
        /// No answer: the call ends when it is written.
        case event
        /// The answers are values of the stream.
        case stream(SharedStream)
        /// The first call on a new connection; its answer decides whether the link uses binary frames.
        case hello
        /// The proof of the client's key, which answers the server's challenge.
        case proof(HelloProof)
        /// Any answer shows that the server is alive.
        case ping
        /// A ping that the link itself sends on a silent connection. Without an answer in time, the link closes the
        /// connection.
        case keepalive
    }

    /// The call to send; nil for a hello, a ping or a keepalive.
    let call: Call?
    let kind: Kind
    /// The client stream behind the call's message; nil without one.
    let sender: ClientStreamSender?
    /// The link that carries the call; nil before and after.
    var link: ClientLink?
    var id: UInt64 = 0
    var deadline: NIODeadline
    /// The payload, if it was encoded before the loop writes the call.
    var encoded: EncodedPayload?
    var continuation: UnsafeContinuation<Payload, any Error>?
    var wasWritten = false
    /// Whether the command is keyed and its key was not sent, because the server takes no metadata.
    var isWithoutKey = false
    /// The latest value that was not marked as the last one.
    var value = Payload.absent
    private let cancelled = Atomic<Bool>(false)

    init(_ call: Call, _ sender: ClientStreamSender? = nil) {
        self.call = call
        self.sender = sender
        deadline = sender == nil ? call.deadlineInstant : .now() + TimeAmount(call.silenceLimit)
        kind = call.command.kind == .event ? .event : .request
    }

    init(_ call: Call, stream: SharedStream, _ sender: ClientStreamSender?) {
        self.call = call
        self.sender = sender
        deadline = .now() + TimeAmount(call.silenceLimit)
        kind = .stream(stream)
    }

    /// Makes a hello, a ping or a keepalive.
    init(_ kind: Kind, before deadline: NIODeadline) {
        call = nil
        sender = nil
        self.deadline = deadline
        self.kind = kind
    }

    var isHello: Bool { if case .hello = kind { true } else { false } }
    /// Whether the link itself makes the call; the pool's limits do not apply to it.
    var isOwn: Bool {
        switch kind {
        case .hello, .proof, .keepalive: true
        case .request, .event, .stream, .ping: false
        }
    }
    var name: String { call?.command.name ?? Hello.pattern }
    var isCancelled: Bool { cancelled.load(ordering: .acquiring) }
    func cancel() { cancelled.store(true, ordering: .releasing) }

    /// Resumes the caller, once: the first result takes the continuation out.
    func resume(with result: Result<Payload, any Error>) {
        sender?.ended()
        if case .stream(let stream) = kind { return stream.finish(result) }
        let continuation = self.continuation
        self.continuation = nil
        continuation?.resume(with: result)
    }

    func resume(throwing error: any Error) { resume(with: .failure(error)) }
    func resume(returning payload: Payload) { resume(with: .success(payload)) }
}

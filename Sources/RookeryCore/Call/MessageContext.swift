import Synchronization
import Tracing

/// The context of the message that the current task handles.
///
/// Calls made in the handler get a slightly earlier deadline than the message. The metadata that travels with them is
/// in ``Tracing/ServiceContext``, under ``callMetadata``.
///
/// A task that outlives its handler keeps the context, because Swift copies task-locals into every `Task`. The context
/// loses its deadline and its idempotency key when the handler returns, because both belong to the message. After that,
/// the calls of such a task have only their own.
public final class MessageContext: MessageContextSource {
    /// The source of the current message's context. Transports bind it around each handler.
    @TaskLocal package static var source: (any MessageContextSource)?

    /// The context of the message that this task handles. Nil outside a handler.
    public static var current: MessageContext? { source?.messageContext }

    /// The same as ``peer``: where a context is bound by itself, there are no connections.
    package var peerAddress: String { peer }

    /// Made at each access, because a context that is bound by itself has no connection.
    package var origin: MessageOrigin { MessageOrigin(peer: peer, caller: caller) }

    /// Itself.
    package var messageContext: MessageContext { self }

    /// The command's pattern, as registered.
    public let pattern: Pattern
    /// The metadata that the caller sent with the message.
    package let metadata: [String: String]
    /// The caller's address, for logs.
    public let peer: String
    /// The service that sent the message, as its service key proves. Nil at a server without a keyring.
    public let caller: Caller?
    private let messageDeadline: Deadline?
    private let state: Mutex<State>

    private struct State {
        var isEnded: Bool
        /// The number of calls of each keyed command that the handler has made.
        var keyedCalls: [String: Int] = [:]
    }

    package init(
        pattern: Pattern, metadata: [String: String] = [:], peer: String, caller: Caller? = nil,
        deadline: Deadline? = nil
    ) {
        self.pattern = pattern
        self.metadata = metadata
        self.peer = peer
        self.caller = caller
        messageDeadline = deadline
        state = Mutex(State(isEnded: false))
    }

    /// Ends the context when the handler has returned: clears the deadline and the idempotency key.
    package func end() { state.withLock { $0.isEnded = true } }

    private var isEnded: Bool { state.withLock { $0.isEnded } }

    /// The moment when the caller stops waiting. Nil if the caller sent none, and after the handler has returned.
    public var deadline: Deadline? { messageDeadline == nil || isEnded ? nil : messageDeadline }

    /// The key that identifies repetitions of this command: two messages with the same key are the same command.
    ///
    /// Nil if the caller sent none, and after the handler has returned.
    public var idempotencyKey: String? { metadata[MetadataName.idempotencyKey].flatMap { isEnded ? nil : $0 } }

    /// The number of this attempt of its call, from 1. It is 1 if the caller sends no number.
    public var attempt: Int { metadata[MetadataName.attempt].flatMap(Int.init) ?? 1 }

    /// Returns the idempotency key of a keyed call that the handler makes. Returns nil if the message has no key.
    ///
    /// The key is derived from the message's key, the command, and the number of earlier calls of that command in this
    /// handler. So a handler that runs again for the same message sends the same keys, and its effects downstream are
    /// not repeated. A handler that makes several calls of one command concurrently should give each message its own
    /// key.
    func key(for command: Command) -> String? {
        guard let own = idempotencyKey else { return nil }
        let number = state.withLock { state in
            state.keyedCalls[command.pattern.route, default: 0] += 1
            return state.keyedCalls[command.pattern.route, default: 0]
        }
        return IdempotencyKeyDerivation.key(inbound: own, route: command.pattern.route, number: number)
    }

    /// Throws `DEADLINE_EXCEEDED` if the caller has stopped waiting. Call it before an effect that must not come too
    /// late.
    public func checkDeadline() throws(RemoteError) {
        if let deadline, deadline.isOver {
            throw RemoteError(.deadlineExceeded, "The time for this call is over.")
        }
    }
}

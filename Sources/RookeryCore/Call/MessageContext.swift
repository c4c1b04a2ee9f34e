import Synchronization
import Tracing

/// What is about the message being handled, and about no other. Calls made while handling it are answered before its
/// deadline. What travels on with them is in ``Tracing/ServiceContext``, under ``callMetadata``.
///
/// A task that outlives its handler still has the context, because task-locals are copied into every `Task`. From the
/// moment the handler returns the context has neither deadline nor idempotency key: both belong to the message, and a call
/// that such a task makes has only its own.
public final class MessageContext: MessageContextSource {
    /// Where the context of the message this task handles is known. Transports bind it around each handler.
    @TaskLocal package static var source: (any MessageContextSource)?

    /// The context of the message this task handles, if it handles one.
    public static var current: MessageContext? { source?.messageContext }

    /// Itself.
    package var messageContext: MessageContext { self }

    /// The command's pattern, as registered.
    public let pattern: Pattern
    /// What the caller sent along with the message.
    package let metadata: [String: String]
    /// The caller's address, for logs.
    public let peer: String
    private let messageDeadline: Deadline?
    private let state: Mutex<State>

    private struct State {
        var isEnded: Bool
        /// How often the handler has called each keyed command.
        var keyedCalls: [String: Int] = [:]
    }

    package init(pattern: Pattern, metadata: [String: String] = [:], peer: String, deadline: Deadline? = nil) {
        self.pattern = pattern
        self.metadata = metadata
        self.peer = peer
        messageDeadline = deadline
        state = Mutex(State(isEnded: false))
    }

    /// The handler has returned.
    package func end() { state.withLock { $0.isEnded = true } }

    private var isEnded: Bool { state.withLock { $0.isEnded } }

    /// When the caller stops waiting; nil when it did not say, and when the handler has returned.
    public var deadline: Deadline? { messageDeadline == nil || isEnded ? nil : messageDeadline }

    /// The key by which repetitions of this command are known: two messages with one key are one. Nil when the caller sent
    /// none, and when the handler has returned.
    public var idempotencyKey: String? { metadata[MetadataName.idempotencyKey].flatMap { isEnded ? nil : $0 } }

    /// Which attempt of its call this is; 1 when the caller does not say.
    public var attempt: Int { metadata[MetadataName.attempt].flatMap(Int.init) ?? 1 }

    /// The key of a keyed call that the handler makes: the same one when the handler runs again for the same message, so
    /// that its effect downstream is not repeated. Nil when the message came without a key.
    ///
    /// It is made of the message's key, the command, and how often the handler has called that command before. A handler
    /// that calls one command several times at once should give each message a key of its own.
    func key(for command: Command) -> String? {
        guard let own = idempotencyKey else { return nil }
        let number = state.withLock { state in
            state.keyedCalls[command.pattern.route, default: 0] += 1
            return state.keyedCalls[command.pattern.route, default: 0]
        }
        return IdempotencyKeyDerivation.key(inbound: own, route: command.pattern.route, number: number)
    }

    /// Runs `body` as the handler of a message does: with what surrounds it, and with what travels with it.
    package static func with<Result>(
        _ source: any MessageContextSource, _ metadata: [String: String], _ body: () async throws -> Result
    ) async rethrows -> Result {
        try await $source.withValue(source) {
            if metadata.isEmpty { return try await body() }
            return try await ServiceContext.withValue(.carrying(metadata)) { try await body() }
        }
    }

    /// Throws `DEADLINE_EXCEEDED` when the caller has stopped waiting: call it before an effect that would come too late.
    public func checkDeadline() throws(RemoteError) {
        if let deadline, deadline.isOver {
            throw RemoteError(.deadlineExceeded, "The time for this call is over.")
        }
    }
}

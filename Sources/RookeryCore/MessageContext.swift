public import NIOCore

/// Knows what surrounds a message, and says so only when it is asked: most handlers never do.
public protocol MessageContextSource: AnyObject, Sendable {
    /// What surrounds the message.
    var messageContext: MessageContext { get }
}

/// What surrounds the message being handled. Calls made while handling it inherit its metadata and its deadline.
public final class MessageContext: MessageContextSource {
    /// Where the context of the message this task handles is known. Transports bind it around each handler.
    @TaskLocal public static var source: (any MessageContextSource)?

    /// The context of the message this task handles, if it handles one.
    public static var current: MessageContext? { source?.messageContext }

    /// Itself.
    public var messageContext: MessageContext { self }

    /// The metadata key in which a caller says how many milliseconds it will still wait.
    public static let timeoutKey = "rookery-timeout-ms"

    /// The metadata key of the key by which a keyed command's repetitions are known.
    public static let idempotencyKeyKey = "rookery-idempotency-key"
    /// The metadata key that says which attempt of a call this is, from the second on.
    public static let attemptKey = "rookery-attempt"
    /// The metadata key that says how much a message matters when there is too much to do.
    public static let criticalityKey = "rookery-criticality"

    /// What is about one call, and must not be handed on with the calls made while handling it.
    static let ofOneCall: Set<String> = [timeoutKey, idempotencyKeyKey, attemptKey]

    /// The command's pattern, as registered.
    public let pattern: Pattern
    /// What the caller sent along with the message, and what calls made here send along again.
    public let metadata: [String: String]
    /// The caller's address, for logs.
    public let peer: String
    /// When the caller stops waiting; nil when it did not say.
    public let deadline: NIODeadline?

    /// Makes a context.
    public init(pattern: Pattern, metadata: [String: String] = [:], peer: String, deadline: NIODeadline? = nil) {
        self.pattern = pattern
        self.metadata = metadata
        self.peer = peer
        self.deadline = deadline
    }

    /// The key by which repetitions of this command are known: two messages with one key are one. Nil when the caller sent
    /// none.
    public var idempotencyKey: String? { metadata[Self.idempotencyKeyKey] }
    /// Which attempt of its call this is; 1 when the caller does not say.
    public var attempt: Int { metadata[Self.attemptKey].flatMap(Int.init) ?? 1 }

    /// Throws `DEADLINE_EXCEEDED` when the caller has stopped waiting: call it before an effect that would come too late.
    public func checkDeadline() throws(RemoteError) {
        if let deadline, deadline <= .now() {
            throw RemoteError(.deadlineExceeded, "The time for this call is over.")
        }
    }
}

public import NIOCore
import Synchronization

/// Knows what surrounds a message, and says so only when it is asked: most handlers never do.
public protocol MessageContextSource: AnyObject, Sendable {
    /// What surrounds the message.
    var messageContext: MessageContext { get }
}

/// What surrounds the message being handled. Calls made while handling it inherit its metadata and its deadline.
///
/// A task that outlives its handler still has the context, because task-locals are copied into every `Task`. From the
/// moment the handler returns the context has neither deadline nor idempotency key: both belong to the message, and a call
/// that such a task makes has only its own.
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
    /// The metadata key of the request that a message belongs to, as Nest 12 sends it.
    public static let requestIDKey = "x-request-id"
    /// The metadata key of the trace that a message belongs to (W3C Trace Context), as Nest 12 sends it with OpenTelemetry.
    public static let traceparentKey = "traceparent"

    /// What is about one call, and must not be handed on with the calls made while handling it.
    static let ofOneCall: Set<String> = [timeoutKey, idempotencyKeyKey, attemptKey]

    /// The command's pattern, as registered.
    public let pattern: Pattern
    /// What the caller sent along with the message, and what calls made here send along again.
    public let metadata: [String: String]
    /// The caller's address, for logs.
    public let peer: String
    private let messageDeadline: NIODeadline?
    private let state: Mutex<State>

    private struct State {
        var isEnded: Bool
        /// How often the handler has called each keyed command.
        var keyedCalls: [String: Int] = [:]
    }

    /// Makes a context.
    public init(pattern: Pattern, metadata: [String: String] = [:], peer: String, deadline: NIODeadline? = nil) {
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
    public var deadline: NIODeadline? { messageDeadline == nil || isEnded ? nil : messageDeadline }

    /// The key by which repetitions of this command are known: two messages with one key are one. Nil when the caller sent
    /// none, and when the handler has returned.
    public var idempotencyKey: String? { metadata[Self.idempotencyKeyKey].flatMap { isEnded ? nil : $0 } }

    /// Which attempt of its call this is; 1 when the caller does not say.
    public var attempt: Int { metadata[Self.attemptKey].flatMap(Int.init) ?? 1 }

    /// The trace that the message belongs to: the trace id of `traceparent` when that is valid, or else `x-request-id`.
    public var traceID: String? {
        metadata[Self.traceparentKey].flatMap(Self.traceID) ?? metadata[Self.requestIDKey]
    }

    /// `00-<32 lower-case hex digits, not all zero>-…` (W3C Trace Context, 3.2.2).
    private static func traceID(_ traceparent: String) -> String? {
        let parts = traceparent.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count >= 4, parts[0] != "ff", parts[1].utf8.count == 32 else { return nil }
        let isHex = parts[1].utf8.allSatisfy { (48...57).contains($0) || (97...102).contains($0) }
        return isHex && parts[1].contains { $0 != "0" } ? String(parts[1]) : nil
    }

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

    /// Throws `DEADLINE_EXCEEDED` when the caller has stopped waiting: call it before an effect that would come too late.
    public func checkDeadline() throws(RemoteError) {
        if let deadline, deadline <= .now() {
            throw RemoteError(.deadlineExceeded, "The time for this call is over.")
        }
    }
}

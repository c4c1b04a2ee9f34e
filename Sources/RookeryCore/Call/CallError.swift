/// Why a call has no answer: the outcome of one call, seen from its caller.
public struct CallError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The reasons. New ones may come, so a `switch` needs a default.
    public struct Code: Sendable, Hashable, CustomStringConvertible {
        private enum Value: String, Sendable, CaseIterable {
            case timeout, cannotConnect, connectionLost, noHandler, invalidReply, invalidCall, tooManyCalls, closed
            case streamTimeout, breakerOpen, noInstance
        }
        private let value: Value
        /// No answer came in time. Whether the command ran is unknown.
        public static let timeout = Code(value: .timeout)
        /// A stream's next value did not come in time.
        public static let streamTimeout = Code(value: .streamTimeout)
        /// No connection could be made. The command did not run.
        public static let cannotConnect = Code(value: .cannotConnect)
        /// The connection ended before the answer; ``CallError/wasWritten`` says whether the command may have run.
        public static let connectionLost = Code(value: .connectionLost)
        /// The peer has no handler for the pattern.
        public static let noHandler = Code(value: .noHandler)
        /// An answer came that does not fit the declared type.
        public static let invalidReply = Code(value: .invalidReply)
        /// The call cannot be sent as it is, for example because it is over the frame limit.
        public static let invalidCall = Code(value: .invalidCall)
        /// As many calls as allowed are under way already. The command did not run.
        public static let tooManyCalls = Code(value: .tooManyCalls)
        /// A circuit breaker lets no call through. The command did not run.
        public static let breakerOpen = Code(value: .breakerOpen)
        /// No instance serves the destination. The command did not run.
        public static let noInstance = Code(value: .noInstance)
        /// The client was closed.
        public static let closed = Code(value: .closed)
        /// Every reason's name.
        package static let names = Set(Value.allCases.map(\.rawValue))
        /// The reason's name.
        public var description: String { value.rawValue }
    }

    /// The reason.
    public let code: Code
    /// What happened, fit to be shown to the operator of the caller.
    public let message: String
    /// Whether the request had been handed to the connection, so that the command may have run.
    public let wasWritten: Bool
    /// The error below, for logs.
    package let cause: String?
    /// After what time it may be worth trying again; nil when that is unknown.
    public let retryAfter: Duration?
    /// Whether a keyed command was sent without its key, because its peer takes no metadata: then it cannot be repeated.
    package let isWithoutKey: Bool

    /// Makes an error.
    public init(
        _ code: Code, _ message: String, wasWritten: Bool = false, cause: String? = nil, retryAfter: Duration? = nil
    ) {
        self.init(
            code, message, wasWritten: wasWritten, cause: cause, retryAfter: retryAfter, isWithoutKey: false)
    }

    package init(
        _ code: Code, _ message: String, wasWritten: Bool, cause: String? = nil, retryAfter: Duration? = nil,
        isWithoutKey: Bool
    ) {
        self.isWithoutKey = isWithoutKey
        self.retryAfter = retryAfter
        self.code = code
        self.message = message
        self.wasWritten = wasWritten
        self.cause = cause
    }

    /// Reason and message.
    public var description: String { message }
}

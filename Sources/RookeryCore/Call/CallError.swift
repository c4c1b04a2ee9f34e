/// The reason why a call has no reply, as its caller sees it.
public struct CallError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The reasons. Later versions may add some, so a `switch` needs a default.
    public struct Code: Sendable, Hashable, CustomStringConvertible {
        private enum Value: String, Sendable, CaseIterable {
            case timeout, cannotConnect, connectionLost, noHandler, invalidReply, invalidCall, tooManyCalls, closed
            case streamTimeout, breakerOpen, noInstance
        }
        private let value: Value
        /// No reply came before the deadline. The command may have run, unless ``CallError/wasWritten`` is false.
        public static let timeout = Code(value: .timeout)
        /// The next value of a stream did not come within the timeout.
        public static let streamTimeout = Code(value: .streamTimeout)
        /// The client could not connect. The command did not run.
        public static let cannotConnect = Code(value: .cannotConnect)
        /// The connection ended before the reply came. ``CallError/wasWritten`` says whether the command may have run.
        public static let connectionLost = Code(value: .connectionLost)
        /// The peer has no handler for the pattern.
        public static let noHandler = Code(value: .noHandler)
        /// The reply does not fit the declared type.
        public static let invalidReply = Code(value: .invalidReply)
        /// The client cannot send the call, for example because its message is over the frame limit.
        public static let invalidCall = Code(value: .invalidCall)
        /// The number of calls in flight has reached its limit. The command did not run.
        public static let tooManyCalls = Code(value: .tooManyCalls)
        /// An open circuit breaker refused the call. The command did not run.
        public static let breakerOpen = Code(value: .breakerOpen)
        /// The destination has no instances. The command did not run.
        public static let noInstance = Code(value: .noInstance)
        /// The client was closed.
        public static let closed = Code(value: .closed)
        /// The names of all reasons.
        package static let names = Set(Value.allCases.map(\.rawValue))
        /// The name of the reason.
        public var description: String { value.rawValue }
    }

    /// The reason.
    public let code: Code
    /// A description, in words for the operator of the caller.
    public let message: String
    /// Whether the client handed the request to the connection. If true, the command may have run.
    public let wasWritten: Bool
    /// The underlying error, for logs.
    package let cause: String?
    /// The time after which a retry may succeed. Nil if it is unknown.
    public let retryAfter: Duration?
    /// Whether the client sent a keyed command without its key, because it sends no metadata to this peer. A retry is
    /// then not safe.
    package let isWithoutKey: Bool
    /// Whether the peer cannot take the call, while another instance may. Nothing was sent.
    package var isOfPeer = false

    /// Creates an error.
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

    /// The message.
    public var description: String { message }
}

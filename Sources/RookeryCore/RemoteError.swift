public import RookeryWire

/// A command's own answer that it failed: what stands at `err` on the wire.
///
/// A handler throws it to refuse; a caller receives it, in whatever JSON shape the peer sent. Everything in it is meant
/// for the peer: an error of any other type is sent as "Internal server error", its text only logged.
public struct RemoteError: Error, Sendable, Hashable, CustomStringConvertible, CustomDebugStringConvertible {
    /// A machine-readable reason, such as `BOOKING_NOT_FOUND`.
    public struct Code: Sendable, Hashable, ExpressibleByStringLiteral, CustomStringConvertible {
        /// The code's text.
        public let rawValue: String
        /// Names a code.
        public init(_ rawValue: String) { self.rawValue = rawValue }
        /// Names a code.
        public init(stringLiteral value: String) { rawValue = value }
        /// The code's text.
        public var description: String { rawValue }

        /// The message does not fit its type; `details` lists the violations.
        public static let invalidPayload: Code = "INVALID_PAYLOAD"
        /// The server has as much to do as it allows; nothing was run.
        public static let overloaded: Code = "OVERLOADED"
        /// The time for the call was over before its effect.
        public static let deadlineExceeded: Code = "DEADLINE_EXCEEDED"
        /// A service this one needs could not be reached; nothing was done.
        public static let dependencyUnavailable: Code = "DEPENDENCY_UNAVAILABLE"
        /// The server stops; the command was cancelled, and may have had its effect or not.
        public static let shuttingDown: Code = "SHUTTING_DOWN"
        /// The reply is over the limit of its receiver, or of its sender where the receiver tells none. The command ran, and
        /// would have the same reply again: it is not retried, and counts as answered.
        public static let replyTooLarge: Code = "REPLY_TOO_LARGE"
        /// A bug, or a failure nobody foresaw.
        public static let `internal`: Code = "INTERNAL"
    }

    /// What stands at `err`, unchanged.
    public let payload: JSONValue

    /// An error as it came, or is to be sent, in any JSON shape.
    public init(payload: JSONValue) { self.payload = payload }

    /// An error in Rookery's shape: `{status: "error", code, message, details?}`.
    public init(_ code: Code, _ message: String, details: JSONValue? = nil) {
        var object = JSONObject()
        object["status"] = "error"
        object["code"] = .string(code.rawValue)
        object["message"] = .string(message)
        object["details"] = details
        payload = .object(object)
    }

    /// An error as Nest's `new RpcException(text)` sends it: `{status: "error", message}`.
    public init(message: JSONValue) {
        payload = ["status": "error", "message": message]
    }

    /// What a failure nobody declared becomes on the wire; byte for byte Nest's answer, so without a code.
    public static let internalServerError = RemoteError(message: "Internal server error")

    /// What stands at `err` when no handler is for a pattern; Nest's text.
    public static let noHandlerText = "There is no matching message handler defined in the remote service."

    /// In place of a reply of more than `limit` bytes.
    package static func replyTooLarge(limit: Int) -> RemoteError {
        RemoteError(
            .replyTooLarge, "The reply is over the limit of \(limit) bytes.", details: ["limit": .int(Int64(limit))])
    }

    /// The refusal of a message that does not fit.
    public init(_ invalid: InvalidPayload) {
        self.init(
            .invalidPayload, "The message does not fit its type.",
            details: .array(invalid.violations.map(\.jsonValue)))
    }

    /// The code, when the peer sent one.
    public var code: Code? { payload["code"]?.stringValue.map { Code($0) } }
    /// The message, when the peer sent one; the payload itself when that is a string.
    public var message: String? { payload["message"]?.stringValue ?? payload.stringValue }
    /// Further particulars, when the peer sent any.
    public var details: JSONValue? { payload["details"] }

    /// Code and message.
    public var description: String {
        switch (code, message) {
        case (let code?, let message?): "\(code): \(message)"
        case (nil, let message?): message
        case (let code?, nil): code.rawValue
        case (nil, nil): "the remote service answered with an error"
        }
    }

    /// The payload as JSON.
    public var debugDescription: String { "RemoteError(\(payload.jsonText))" }
}

/// Why a call has no answer: the outcome of one call, seen from its caller.
public struct CallError: Error, Sendable, Hashable, CustomStringConvertible, CustomDebugStringConvertible {
    /// The reasons. New ones may come, so a `switch` needs a default.
    public struct Code: Sendable, Hashable, CustomStringConvertible {
        private enum Value: String, Sendable {
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
        /// Nobody serves the destination. The command did not run.
        public static let noInstance = Code(value: .noInstance)
        /// The client was closed.
        public static let closed = Code(value: .closed)
        /// The reason's name.
        public var description: String { value.rawValue }
    }

    /// The reason.
    public let code: Code
    /// What happened, fit to be shown to whoever runs the caller.
    public let message: String
    /// Whether the request had been handed to the connection, so that the command may have run.
    public let wasWritten: Bool
    /// The error below, for logs.
    public let cause: String?
    /// After what time it may be worth trying again; nil when nobody knows.
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
    /// All of it.
    public var debugDescription: String {
        "CallError(\(code), \(message), wasWritten: \(wasWritten)\(cause.map { ", cause: \($0)" } ?? ""))"
    }
}

public import RookeryWire

/// A command's own answer that it failed: what stands at `err` on the wire.
///
/// A handler throws it to refuse; a caller receives it, in whatever JSON shape the peer sent. Everything in it is meant
/// for the peer: an error of any other type is sent as "Internal server error", its text only logged.
public struct RemoteError: Error, Sendable, Hashable, CustomStringConvertible {
    /// A machine-readable reason, such as `BOOKING_NOT_FOUND`.
    public struct Code: Sendable, Hashable, ExpressibleByStringLiteral, CustomStringConvertible {
        /// The code's text.
        public let rawValue: String
        /// Names a code.
        package init(_ rawValue: String) { self.rawValue = rawValue }
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
        /// A bug, or a failure that was not foreseen.
        public static let `internal`: Code = "INTERNAL"

        /// The codes with which the toolkit itself answers: no command declares them.
        package static let ofToolkit: Set<Code> = [
            .invalidPayload, .overloaded, .deadlineExceeded, .dependencyUnavailable, .shuttingDown, .replyTooLarge,
            .internal,
        ]
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
    package init(message: JSONValue) {
        payload = ["status": "error", "message": message]
    }

    /// What a failure that was not declared becomes on the wire; byte for byte Nest's answer, so without a code.
    package static let internalServerError = RemoteError(message: "Internal server error")

    /// What stands at `err` when no handler is for a pattern; Nest's text.
    package static let noHandlerText = "There is no matching message handler defined in the remote service."

    /// In place of a reply of more than `limit` bytes.
    package static func replyTooLarge(limit: Int) -> RemoteError {
        RemoteError(
            .replyTooLarge, "The reply is over the limit of \(limit) bytes.", details: ["limit": .int(Int64(limit))])
    }

    /// The refusal of a message that does not fit.
    package init(_ invalid: InvalidPayload) {
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

}

extension RemoteError {
    /// What a failed handler's caller is told: its own error as it is, violations listed, anything else hidden.
    package init(answering error: any Error) {
        switch error {
        case let error as RemoteError: self = error
        case let error as InvalidPayload: self.init(error)
        default: self = .internalServerError
        }
    }
}

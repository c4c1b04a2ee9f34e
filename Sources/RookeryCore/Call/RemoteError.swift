public import RookeryWire

/// An error that a command returns: the value of `err` on the wire.
///
/// A handler throws it to refuse a message. A caller receives it in the JSON shape that the peer sent. The peer sees
/// everything in it. A server sends an ``InvalidPayload`` with its violations. For an error of any other type it sends
/// "Internal server error", and only logs the text.
public struct RemoteError: Error, Sendable, Hashable, CustomStringConvertible {
    /// A machine-readable reason, such as `BOOKING_NOT_FOUND`.
    public struct Code: Sendable, Hashable, ExpressibleByStringLiteral, CustomStringConvertible {
        /// The code's text.
        public let rawValue: String
        /// Creates a code.
        package init(_ rawValue: String) { self.rawValue = rawValue }
        /// Creates a code.
        public init(stringLiteral value: String) { rawValue = value }
        /// The code's text.
        public var description: String { rawValue }

        /// The message does not fit its type. `details` lists the violations.
        public static let invalidPayload: Code = "INVALID_PAYLOAD"
        /// The server refused the message because it is overloaded. The handler did not run.
        public static let overloaded: Code = "OVERLOADED"
        /// The deadline passed. The command may have taken effect, if its handler was running. Callers get
        /// ``CallError/Code/timeout`` in its place.
        public static let deadlineExceeded: Code = "DEADLINE_EXCEEDED"
        /// The service could not reach another service that it needs. The command had no effect.
        public static let dependencyUnavailable: Code = "DEPENDENCY_UNAVAILABLE"
        /// The server is stopping and cancelled the command. The command may or may not have taken effect.
        public static let shuttingDown: Code = "SHUTTING_DOWN"
        /// The reply is over the receiver's limit, or over the sender's limit if the receiver states none.
        ///
        /// The command ran. A retry would have the same reply, so clients do not retry the call and count it as
        /// answered.
        package static let replyTooLarge: Code = "REPLY_TOO_LARGE"
        /// A bug, or an unexpected failure.
        public static let `internal`: Code = "INTERNAL"
        /// The caller showed no valid service key. The handler did not run.
        package static let serviceUnauthenticated: Code = "SERVICE_UNAUTHENTICATED"
        /// The caller's service key does not allow the command. The handler did not run.
        package static let serviceForbidden: Code = "SERVICE_FORBIDDEN"

        /// The codes that the toolkit itself sends. Commands do not declare them.
        package static let ofToolkit: Set<Code> = [
            .invalidPayload, .overloaded, .deadlineExceeded, .dependencyUnavailable, .shuttingDown, .replyTooLarge,
            .internal, .serviceUnauthenticated, .serviceForbidden,
        ]
    }

    /// The value of `err`, unchanged.
    public let payload: JSONValue

    /// Creates an error with any JSON payload.
    public init(payload: JSONValue) { self.payload = payload }

    /// Creates an error in Rookery's shape: `{status: "error", code, message, details?}`.
    public init(_ code: Code, _ message: String, details: JSONValue? = nil) {
        var object = JSONObject()
        object["status"] = "error"
        object["code"] = .string(code.rawValue)
        object["message"] = .string(message)
        object["details"] = details
        payload = .object(object)
    }

    /// Creates the error that Nest's `new RpcException(text)` sends: `{status: "error", message}`.
    package init(message: JSONValue) {
        payload = ["status": "error", "message": message]
    }

    /// The error that a server sends for an undeclared failure. It is Nest's error byte for byte, so it has no code.
    package static let internalServerError = RemoteError(message: "Internal server error")

    /// The value of `err` if no handler has the pattern. The text is Nest's.
    package static let noHandlerText = "There is no matching message handler defined in the remote service."

    /// Returns the error that replaces a reply of more than `limit` bytes.
    package static func replyTooLarge(limit: Int) -> RemoteError {
        RemoteError(
            .replyTooLarge, "The reply is over the limit of \(limit) bytes.", details: ["limit": .int(Int64(limit))])
    }

    /// Creates the refusal of a message that does not fit its type.
    package init(_ invalid: InvalidPayload) {
        self.init(
            .invalidPayload, "The message does not fit its type.",
            details: .array(invalid.violations.map(\.jsonValue)))
    }

    /// The code. Nil if the peer sent none.
    public var code: Code? { payload["code"]?.stringValue.map { Code($0) } }
    /// The message, or the payload itself if that is a string. Nil if the peer sent neither.
    public var message: String? { payload["message"]?.stringValue ?? payload.stringValue }
    /// Further details. Nil if the peer sent none.
    public var details: JSONValue? { payload["details"] }

    /// The code and the message.
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
    /// Returns what the caller of a command gets for this answer: the error itself, or ``CallError/Code/timeout`` for
    /// `DEADLINE_EXCEEDED`. The server noticed the end of the deadline first; the caller gets the same error as if the
    /// client had.
    package func received(for command: String) -> any Error {
        guard code == .deadlineExceeded else { return self }
        return CallError(.timeout, "The service had no time left for \(command).", wasWritten: true)
    }

    /// Creates the error that the caller of a failed handler receives.
    ///
    /// A ``RemoteError`` stays as it is, and an ``InvalidPayload`` lists its violations. Any other error becomes
    /// ``internalServerError``.
    package init(answering error: any Error) {
        switch error {
        case let error as RemoteError: self = error
        case let error as InvalidPayload: self.init(error)
        default: self = .internalServerError
        }
    }
}

import RookeryCore
import RookeryWire
import RookeryPolicies

/// What stands at `err`, as an error.
enum ReplyFailure {
    static func error(_ payload: Payload, name: String) -> any Error {
        // Without a payload, or with one that is none, the server could say no more than that it failed.
        guard payload.range.isPresent, let value = try? payload.value() else { return RemoteError.internalServerError }
        if value.stringValue == RemoteError.noHandlerText {
            return CallError(.noHandler, "The service has no handler for \(name).", wasWritten: true)
        }
        let error = RemoteError(payload: value)
        // The peer noticed first that the time is over: the same to the caller as if it had noticed itself.
        if error.code == .deadlineExceeded {
            return CallError(.timeout, "The service had no time left for \(name).", wasWritten: true)
        }
        return error
    }
}

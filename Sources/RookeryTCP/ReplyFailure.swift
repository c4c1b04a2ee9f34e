import RookeryCore
import RookeryWire
import RookeryPolicies

/// Turns the `err` member of a reply into an error.
enum ReplyFailure {
    static func error(_ payload: Payload, name: String) -> any Error {
        // Without a readable payload, the server could say only that it failed.
        guard payload.range.isPresent, let value = try? payload.value() else { return RemoteError.internalServerError }
        if value.stringValue == RemoteError.noHandlerText {
            return CallError(.noHandler, "The service has no handler for \(name).", wasWritten: true)
        }
        return RemoteError(payload: value).received(for: name)
    }
}

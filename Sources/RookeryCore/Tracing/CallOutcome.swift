import Tracing

/// The outcome of a call, for spans and metrics.
package struct CallOutcome: Sendable, Hashable {
    /// The code on the wire, or the reason why there is no reply. Nil for success.
    package let code: String?
    /// Whether the outcome is a failure. A refusal with one of the service's own codes is not.
    package let isFailure: Bool

    /// The outcome of a call without an error.
    package static let success = CallOutcome(code: nil, isFailure: false)

    private init(code: String?, isFailure: Bool) {
        // Tracers and metrics keep the code, and a peer chooses it.
        self.code = code?.cut(toBytes: 64)
        self.isFailure = isFailure
    }

    /// Classifies an error.
    package init(_ error: any Error) {
        switch error {
        case let error as RemoteError:
            let code = error.code ?? (error == .internalServerError ? .internal : nil)
            self.init(code: code?.rawValue ?? "UNKNOWN", isFailure: code.map { Self.failures.contains($0) } ?? false)
        case is InvalidPayload: self.init(code: RemoteError.Code.invalidPayload.rawValue, isFailure: false)
        case let error as CallError: self.init(code: error.code.description, isFailure: true)
        case is CancellationError: self.init(code: "cancelled", isFailure: true)
        default: self.init(code: RemoteError.Code.internal.rawValue, isFailure: true)
        }
    }

    /// The outcome of handling a message of `command` that ended with `error`. An error that the command does not declare is a
    /// failure of the service.
    package init(_ error: any Error, of command: Command) {
        let outcome = CallOutcome(error)
        self.init(code: outcome.code, isFailure: outcome.isFailure || command.isUndeclared(error))
    }

    private static let failures: Set<RemoteError.Code> = [
        .internal, .overloaded, .deadlineExceeded, .dependencyUnavailable, .shuttingDown, .replyTooLarge,
    ]
}

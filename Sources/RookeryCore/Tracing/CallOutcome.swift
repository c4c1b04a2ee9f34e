import Tracing

/// How a call ended, as spans and metrics say it.
package struct CallOutcome: Sendable, Hashable {
    /// The code on the wire, or why there is no answer; nil when all went well.
    package let code: String?
    /// Whether that is a failure. A refusal with a code of the service's own is an answer like any other.
    package let isFailure: Bool

    /// All went well.
    package static let success = CallOutcome(code: nil, isFailure: false)

    private init(code: String?, isFailure: Bool) {
        self.code = code
        self.isFailure = isFailure
    }

    /// Ended with an error.
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

    private static let failures: Set<RemoteError.Code> = [
        .internal, .overloaded, .deadlineExceeded, .dependencyUnavailable, .shuttingDown, .replyTooLarge,
    ]
}

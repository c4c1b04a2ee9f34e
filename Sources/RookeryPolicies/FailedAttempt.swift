import RookeryCore

/// An attempt's failure, sorted once: what it says of its instance, and what it says about another attempt.
package struct FailedAttempt: Sendable {
    /// What was thrown.
    package let error: any Error
    /// What it says of the instance.
    package let result: AttemptResult
    /// What it says about another attempt.
    package let failure: AttemptFailure

    /// Sorts an error.
    package init(_ error: any Error) {
        self.error = error
        (result, failure) =
            switch error {
            case is CancellationError: (.abandoned, .final)
            case let error as CallError: Self.sorted(error)
            case let error as RemoteError: Self.sorted(error)
            default: (.abandoned, .final)
            }
    }

    private static func sorted(_ error: CallError) -> (AttemptResult, AttemptFailure) {
        let mayHaveRun: AttemptFailure =
            !error.wasWritten ? .notSent : error.isWithoutKey ? .ambiguousWithoutKey : .ambiguous
        return switch error.code {
        case .timeout, .streamTimeout: (.timedOut, mayHaveRun)
        case .connectionLost: (.lost, mayHaveRun)
        case .cannotConnect: (.unreachable, .unreachable)
        case .tooManyCalls: (.abandoned, .notSent)
        case .invalidReply: (.failed, .final)
        case .noHandler: (.answered, .final)
        default: (.abandoned, .final)
        }
    }

    private static func sorted(_ error: RemoteError) -> (AttemptResult, AttemptFailure) {
        switch error.code {
        case .overloaded: (.overloaded, .refused(retryAfter: error.retryAfter))
        // It was cancelled in the middle of something.
        case .shuttingDown: (.failed, .ambiguous)
        case .deadlineExceeded: (.timedOut, .final)
        case .internal: (.failed, .final)
        // Nest's words for an unforeseen failure carry no code.
        case nil: (error == .internalServerError ? .failed : .answered, .final)
        default: (.answered, .final)
        }
    }
}

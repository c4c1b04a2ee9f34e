import RookeryCore

/// The failure of an attempt, classified once for the instance's statistics and for retry.
package struct FailedAttempt: Sendable {
    /// The error that the attempt threw.
    package let error: any Error
    /// The outcome for the instance.
    package let result: AttemptResult
    /// What the failure means for another attempt.
    package let failure: AttemptFailure

    /// Classifies an error.
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
        case .invalidCall where error.isOfPeer: (.abandoned, .notSent)
        case .invalidReply: (.failed, .final)
        case .noHandler: (.answered, .final)
        default: (.abandoned, .final)
        }
    }

    private static func sorted(_ error: RemoteError) -> (AttemptResult, AttemptFailure) {
        switch error.code {
        case .overloaded: (.overloaded, .refused(retryAfter: error.retryAfter))
        // The server cancelled the handler, which may have had effects already.
        case .shuttingDown: (.failed, .ambiguous)
        case .deadlineExceeded: (.timedOut, .final)
        case .internal: (.failed, .final)
        // Nest reports an unexpected failure by a fixed text, without a code.
        case nil: (error == .internalServerError ? .failed : .answered, .final)
        default: (.answered, .final)
        }
    }
}

import RookeryCore

/// How an attempt ended, as far as its instance is concerned.
public enum AttemptResult: Sendable, Hashable {
    /// With an answer, be it a refusal.
    case answered
    /// With an answer that took most of the time there was.
    case answeredLate
    /// With a failure of the peer's own.
    case failed
    /// No answer in time.
    case timedOut
    /// The connection was lost.
    case lost
    /// There is no connection.
    case unreachable
    /// It was sent, and there is no answer to wait for: an event, or a stream that has been opened.
    case sent
    /// The peer had too much to do.
    case overloaded
    /// The caller left, or the call was never made.
    case abandoned

    /// What it says to a breaker. That a peer sheds load is not held against it: it does what it should.
    var outcome: CircuitBreaker.Outcome {
        switch self {
        case .answered: .success
        case .answeredLate: .slow
        case .failed, .timedOut, .lost, .unreachable: .failure
        case .overloaded, .sent, .abandoned: .unknown
        }
    }

    /// Nil when it says nothing.
    var isSuccess: Bool? {
        switch self {
        case .answered, .answeredLate: true
        case .failed, .timedOut, .lost, .unreachable: false
        case .overloaded, .sent, .abandoned: nil
        }
    }

    /// Sorts an error.
    public init(_ error: any Error) {
        switch error {
        case is CancellationError: self = .abandoned
        case let error as CallError:
            switch error.code {
            case .timeout, .streamTimeout: self = .timedOut
            case .cannotConnect: self = .unreachable
            case .connectionLost: self = .lost
            case .invalidReply: self = .failed
            case .noHandler: self = .answered
            default: self = .abandoned
            }
        case let error as RemoteError:
            switch error.code {
            case .overloaded: self = .overloaded
            case .deadlineExceeded: self = .timedOut
            case .internal, .shuttingDown: self = .failed
            // Nest's words for what nobody foresaw carry no code.
            case nil: self = error == .internalServerError ? .failed : .answered
            default: self = .answered
            }
        default: self = .abandoned
        }
    }
}

/// How an attempt ended, as far as its instance is concerned.
package enum AttemptResult: Sendable, Hashable {
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
}

/// The outcome of an attempt, for the breaker and the ejection of its instance.
package enum AttemptResult: Sendable, Hashable {
    /// The instance answered. A refusal by the command itself is an answer.
    case answered
    /// The instance answered, but took more than ``ClientConfiguration/Breaker/slowFraction`` of the call's time.
    case answeredLate
    /// The instance answered behind a client stream. How long that took is the client's doing.
    case answeredClientStream
    /// The instance failed, for example with an internal error or an invalid reply.
    case failed
    /// No answer came in time.
    case timedOut
    /// The connection was lost.
    case lost
    /// The client could not connect to the instance.
    case unreachable
    /// The client sent an event, or opened a stream. Neither has an answer to wait for.
    case sent
    /// The instance refused the message because it is overloaded.
    case overloaded
    /// The caller cancelled, or the client did not send the message.
    case abandoned

    /// The outcome for a breaker. Overload does not count: an instance that sheds load works as it should.
    var outcome: CircuitBreaker.Outcome {
        switch self {
        case .answered, .answeredClientStream: .success
        case .answeredLate: .slow
        case .failed, .timedOut, .lost, .unreachable: .failure
        case .overloaded, .sent, .abandoned: .unknown
        }
    }

    /// Whether the attempt succeeded, for ejection. Nil: the attempt does not count.
    var isSuccess: Bool? {
        switch self {
        case .answered, .answeredLate, .answeredClientStream: true
        case .failed, .timedOut, .lost: false
        // An instance that cannot be reached backs off, and is tested as soon as that is over.
        case .unreachable, .overloaded, .sent, .abandoned: nil
        }
    }
}

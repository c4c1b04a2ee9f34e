/// What an attempt's failure says about another one.
package enum AttemptFailure: Sendable, Hashable {
    /// There is no connection to the peer.
    case unreachable
    /// The request was not sent: its connection was lost before, or was as busy as it may be.
    case notSent
    /// The peer refused before it ran anything; perhaps with how long to stay away, which when negative means for good.
    case refused(retryAfter: Duration?)
    /// It may have run.
    case ambiguous
    /// It may have run, and was sent without the idempotency key that its command has: its peer takes no metadata.
    case ambiguousWithoutKey
    /// The command's own answer, or a misuse that will not get better.
    case final
}

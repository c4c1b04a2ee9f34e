/// What the failure of an attempt means for another attempt.
package enum AttemptFailure: Sendable, Hashable {
    /// The client could not connect to the peer.
    case unreachable
    /// The client did not send the request: the connection was lost before, or had too many calls.
    case notSent
    /// The peer refused the message before it ran the handler.
    ///
    /// `retryAfter` is the wait that the peer asks for. Nil: the peer did not say. Negative: do not call again.
    case refused(retryAfter: Duration?)
    /// The command may have run.
    case ambiguous
    /// The command may have run, and cannot be repeated by its idempotency key.
    ///
    /// The client sent the request without the key, because the peer takes no metadata.
    case ambiguousWithoutKey
    /// The command itself answered, or another attempt would fail in the same way.
    case final

    /// Whether the peer refused the message.
    package var isRefusal: Bool { if case .refused = self { true } else { false } }
}

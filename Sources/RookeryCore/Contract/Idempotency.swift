/// Whether a command may be sent twice for one call.
public enum Idempotency: Sendable, Hashable {
    /// A read.
    case safe
    /// A write that carries an idempotency key, which the server keeps with its effect.
    case keyed
    /// Anything else.
    case unsafe
}

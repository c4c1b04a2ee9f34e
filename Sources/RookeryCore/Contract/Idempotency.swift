/// Whether a client may send a command twice for one call.
public enum Idempotency: Sendable, Hashable {
    /// A read. A client may repeat it.
    case safe
    /// A write with an idempotency key, which the server stores together with its effect. A client may repeat it with
    /// the same key.
    case keyed
    /// Any other command. A client does not repeat it if it may have run.
    case unsafe
}

/// A part of a write transaction of PostgreSQL, which can be undone alone.
///
/// A savepoint costs the server about as much as a small write, so a part has one only from its first write that the closure waits
/// for.
struct TransactionPart {
    /// Whether there is a part.
    var isOpen = false
    /// How many statements waited before it.
    var queuedBefore = 0
    var hasSavepoint = false
    /// Whether a write was sent without a savepoint.
    var isUnprotected = false
}

public import PetProContracts
public import Rookery

extension Database {
    /// Runs `body` in a write transaction if an event is news: if no event about the aggregate of this version, or of a newer one, was
    /// received before. Notes in the same transaction that it was received. Returns nil if it is no news.
    ///
    /// An event without a version, of a peer that has none, is news unless its id was received before. `keys` names what `body`
    /// changes, as in a ``ReadAhead``; with nil, that is not known. Throws as ``write(_:)`` does.
    @discardableResult
    public func receive<Result: Sendable>(
        _ event: EventEnvelope<some MessageValue>, at now: Instant, changing keys: Set<String>? = nil,
        _ body: @Sendable @escaping (Transaction) throws -> Result
    ) async throws -> Result? {
        let query = Transaction.receivedQuery(event)
        let readAhead = keys.map { keys in
            ReadAhead(of: keys.union(["received-\(Transaction.place(event).aggregate)"])) { _ in [query] }
        }
        return try await write(readAhead) { transaction in
            try transaction.isNews(event, at: now) ? try body(transaction) : nil
        }
    }
}

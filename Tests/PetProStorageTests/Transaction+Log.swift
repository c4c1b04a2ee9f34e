@testable import PetProStorage

extension Transaction {
    /// The events of the log after a position.
    func events(after position: Int, limit: Int) throws -> [PublishedEvent] {
        try rows(
            """
            SELECT position, aggregate, version, event_id, type, data, occurred_at, trace FROM events
            WHERE position > ? ORDER BY position LIMIT ?
            """, position, limit
        ) { try PublishedEvent(&$0) }
    }
}

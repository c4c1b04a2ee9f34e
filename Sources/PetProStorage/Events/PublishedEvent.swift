import Rookery

/// A row of the log of events.
struct PublishedEvent: Sendable, Hashable {
    /// Its place in the log, in the order of commits.
    let position: Int
    /// What it is about, such as `booking-12`.
    let aggregate: String
    /// Its number among the events about the aggregate, from 1.
    let version: Int
    let id: String
    let type: String
    /// Its data, as JSON.
    let data: String
    let occurredAt: Instant
    /// The `traceparent` of what caused it. Nil if that had no trace.
    let trace: String?

    /// Reads the columns position, aggregate, version, event_id, type, data, occurred_at and trace.
    init(_ row: inout Row) throws {
        position = try row.int()
        aggregate = try row.text()
        version = try row.int()
        id = try row.text()
        type = try row.text()
        data = try row.text()
        occurredAt = try row.instant()
        trace = try row.optionalText()
    }

    init(
        position: Int, aggregate: String, version: Int, id: String, type: String, data: String, occurredAt: Instant,
        trace: String? = nil
    ) {
        self.position = position
        self.aggregate = aggregate
        self.version = version
        self.id = id
        self.type = type
        self.data = data
        self.occurredAt = occurredAt
        self.trace = trace
    }
}

public import PetProContracts
public import Rookery

extension Transaction {
    /// Adds an event to the log, if this transaction commits.
    ///
    /// Every subscriber receives it at least once. The events about one aggregate, such as `booking-12`, reach a subscriber in
    /// the order of their commits, and each has the next version of the aggregate. `id` is the event's unique id.
    ///
    /// The data must be the state that the change led to, because a subscriber may miss an older version. It must have no
    /// personal data, because the log keeps it. Throws the error of the engine.
    public func publish(
        _ type: EventType, _ data: some MessageValue, about aggregate: String, at now: Instant, id: String
    ) throws {
        try executeLater(
            """
            INSERT INTO events (aggregate, version, event_id, type, data, occurred_at, trace)
            VALUES (?, (SELECT COALESCE(MAX(version), 0) + 1 FROM events WHERE aggregate = ?), ?, ?, ?, ?, ?)
            """, aggregate, aggregate, id, type.rawValue, data.json, now, surroundings?.traceparent?.description)
        published()
    }

    /// Notes a received event, and returns whether it is news: whether no event about the aggregate of this version, or of a
    /// newer one, was received before. Call it in the transaction of the event's effect.
    ///
    /// An event without a version, of a peer that has none, is news unless its id was received before. Throws the error of the
    /// engine.
    func isNews(_ event: EventEnvelope<some MessageValue>, at now: Instant) throws -> Bool {
        let place = Self.place(event)
        let known = try row(Self.receivedQuery(event)) { (try $0.int(), try $0.int()) }
        if let known, known >= (place.epoch, place.version) { return false }
        try executeLater(
            """
            INSERT INTO received (aggregate, epoch, version, received_at) VALUES (?, ?, ?, ?)
            ON CONFLICT (aggregate) DO UPDATE
            SET epoch = excluded.epoch, version = excluded.version, received_at = excluded.received_at
            """, place.aggregate, place.epoch, place.version, now)
        return true
    }

    /// The query of ``isNews(_:at:)``.
    static func receivedQuery(_ event: EventEnvelope<some MessageValue>) -> Query {
        Query("SELECT epoch, version FROM received WHERE aggregate = ?", place(event).aggregate)
    }

    /// Where an event is noted, and how far the aggregate is with it.
    static func place(
        _ event: EventEnvelope<some MessageValue>
    ) -> (aggregate: String, epoch: Int, version: Int) {
        guard let aggregate = event.aggregate, let version = event.version else {
            return ("event:" + event.eventId, 0, 0)
        }
        return (aggregate, event.epoch ?? 0, version)
    }
}

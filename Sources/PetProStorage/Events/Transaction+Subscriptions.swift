public import PetProContracts
import PetProRuntime
public import Rookery

extension Transaction {
    // MARK: The log

    /// The number of the log, which rises when a backup is restored. Nil before the first event was delivered.
    func epoch() throws -> Int? { try row(Self.epochQuery) { try $0.int() } }

    static let epochQuery = Query("SELECT epoch FROM event_log WHERE id = 1")

    /// Gives the log a new number, which is above the old one, because the data is from a backup. Returns it. Subscribers get the
    /// whole log again, because they may be from a backup too.
    package func beginEpoch(at now: Instant) throws -> Int {
        let new = max(Int(now.milliseconds), (try epoch() ?? 0) + 1)
        try execute(
            "INSERT INTO event_log (id, epoch) VALUES (1, ?) ON CONFLICT (id) DO UPDATE SET epoch = excluded.epoch", new
        )
        try execute("DELETE FROM subscriptions")
        try execute("DELETE FROM blocked_aggregates")
        return new
    }

    /// The instance that has the lease of the background work. Nil when none has it, or its process on this machine has ended.
    package func leaseHolder() throws -> String? {
        let holder = try row("SELECT holder FROM leases WHERE name = 'work'") { try $0.text() }
        return holder.flatMap { $0.isEmpty || ProcessName.isGone($0) ? nil : $0 }
    }

    /// Gives the log its number, unless it has one, and returns the number. Cursors of streams that follow the log carry it. Throws
    /// the error of the engine.
    public func makeEpoch(at now: Instant) throws -> Int {
        try execute("INSERT INTO event_log (id, epoch) VALUES (1, ?) ON CONFLICT DO NOTHING", now)
        return try epoch() ?? Int(now.milliseconds)
    }

    /// What a run needs to know of the log and of a subscriber.
    struct Due {
        /// The position of the subscriber.
        let cursor: Int
        /// The next events of the log.
        let events: [PublishedEvent]
        /// The aggregates that wait.
        let blocked: [BlockedAggregate]
        /// The number of the log. Nil before the first event was delivered.
        let epoch: Int?
    }

    /// Reads what is due for a subscriber: the next events, at most `limit`, and the first `blockedLimit` aggregates that wait.
    func due(of subscriber: ServiceName, limit: Int, blockedLimit: Int) throws -> Due {
        let next = Query(
            """
            SELECT position, aggregate, version, event_id, type, data, occurred_at, trace FROM events
            WHERE position > COALESCE((SELECT cursor FROM subscriptions WHERE subscriber = ?), 0) ORDER BY position LIMIT ?
            """, subscriber.rawValue, limit)
        let cursor = Self.cursorQuery(subscriber)
        let blocked = Self.blockedQuery(subscriber, limit: blockedLimit)
        try expectAll([cursor, next, blocked, Self.epochQuery])
        return Due(
            cursor: try row(cursor) { try $0.int() } ?? 0, events: try rows(next) { try PublishedEvent(&$0) },
            blocked: try rows(blocked, read: Self.blockedAggregate), epoch: try epoch())
    }

    /// What may be tried again for a subscriber.
    struct Retries {
        let blocked: [BlockedAggregate]
        /// Dead letters that an operator wants to be delivered again.
        let letters: [PublishedEvent]
        let epoch: Int?
    }

    /// Reads what may be tried again for a subscriber: the first `blockedLimit` aggregates that wait, and at most `limit` dead
    /// letters.
    func retries(of subscriber: ServiceName, limit: Int, blockedLimit: Int) throws -> Retries {
        let blocked = Self.blockedQuery(subscriber, limit: blockedLimit)
        let letters = Query(
            """
            SELECT position, aggregate, version, event_id, type, data, occurred_at, trace FROM dead_letters
            WHERE subscriber = ? AND is_replayed = 1 ORDER BY position LIMIT ?
            """, subscriber.rawValue, limit)
        try expectAll([blocked, letters, Self.epochQuery])
        return Retries(
            blocked: try rows(blocked, read: Self.blockedAggregate),
            letters: try rows(letters) { try PublishedEvent(&$0) },
            epoch: try epoch())
    }

    // MARK: Subscriptions

    /// The position up to which a subscriber has the log, but for blocked aggregates.
    func cursor(of subscriber: ServiceName) throws -> Int {
        try row(Self.cursorQuery(subscriber)) { try $0.int() } ?? 0
    }

    private static func cursorQuery(_ subscriber: ServiceName) -> Query {
        Query("SELECT cursor FROM subscriptions WHERE subscriber = ?", subscriber.rawValue)
    }

    /// Locks a subscription until the end of the transaction. What moves a cursor or ends a block does so first, so that no
    /// event is passed over between the two.
    private func lock(_ subscriber: ServiceName) throws {
        try execute(
            """
            INSERT INTO subscriptions (subscriber, cursor) VALUES (?, 0)
            ON CONFLICT (subscriber) DO UPDATE SET cursor = subscriptions.cursor
            """, subscriber.rawValue)
    }

    /// Writes what a run led to. Throws ``WorkLease/Lost`` when another instance moved the cursor meanwhile.
    func save(_ outcome: DeliveryRun.Outcome, of subscriber: ServiceName, from cursor: Int) throws {
        var moved = try execute(
            "UPDATE subscriptions SET cursor = ? WHERE subscriber = ? AND cursor = ?", outcome.cursor,
            subscriber.rawValue, cursor)
        if moved == 0, cursor == 0 {
            moved = try execute(
                "INSERT INTO subscriptions (subscriber, cursor) VALUES (?, ?) ON CONFLICT (subscriber) DO NOTHING",
                subscriber.rawValue, outcome.cursor)
        }
        guard moved == 1 else { throw WorkLease.Lost() }
        for blocked in outcome.blocked { try block(blocked, for: subscriber) }
    }

    private func block(_ blocked: BlockedAggregate, for subscriber: ServiceName) throws {
        try execute(
            """
            INSERT INTO blocked_aggregates (subscriber, aggregate, position, attempts, error) VALUES (?, ?, ?, ?, ?)
            ON CONFLICT (subscriber, aggregate) DO NOTHING
            """, subscriber.rawValue, blocked.aggregate, blocked.position, blocked.attempts,
            blocked.error.cut(toBytes: 500))
    }

    private static func blockedQuery(_ subscriber: ServiceName, limit: Int) -> Query {
        Query(
            """
            SELECT aggregate, position, attempts, error FROM blocked_aggregates WHERE subscriber = ?
            ORDER BY position LIMIT ?
            """, subscriber.rawValue, limit)
    }

    private static func blockedAggregate(_ row: inout Row) throws -> BlockedAggregate {
        BlockedAggregate(
            aggregate: try row.text(), position: try row.int(), attempts: try row.int(), error: try row.text())
    }

    /// The events that wait with a blocked aggregate, oldest first.
    func events(of blocked: BlockedAggregate, upTo cursor: Int, limit: Int) throws -> [PublishedEvent] {
        try rows(
            """
            SELECT position, aggregate, version, event_id, type, data, occurred_at, trace FROM events
            WHERE aggregate = ? AND position >= ? AND position <= ? ORDER BY version LIMIT ?
            """, blocked.aggregate, blocked.position, cursor, limit
        ) { try PublishedEvent(&$0) }
    }

    /// Writes what another attempt at a blocked aggregate led to. `wanted` has the types that the subscriber is told of.
    func save(
        _ outcome: BlockedAggregate.Outcome, _ blocked: BlockedAggregate, of subscriber: ServiceName,
        wanted: Set<String>, at now: Instant
    ) throws {
        try lock(subscriber)
        switch outcome {
        case .unchanged: break
        case .blocked(let next):
            try execute(
                """
                UPDATE blocked_aggregates SET position = ?, attempts = ?, error = ?
                WHERE subscriber = ? AND aggregate = ?
                """, next.position, next.attempts, next.error.cut(toBytes: 500), subscriber.rawValue, next.aggregate)
        case .dead(let event, let attempts, let error):
            try execute(
                """
                INSERT INTO dead_letters (subscriber, position, aggregate, version, event_id, type, data, occurred_at,
                    attempts, error, died_at, is_replayed, trace)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                ON CONFLICT (subscriber, position) DO NOTHING
                """, subscriber.rawValue, event.position, event.aggregate, event.version, event.id, event.type,
                event.data, event.occurredAt, attempts, error.cut(toBytes: 500), now, false,
                event.trace)
            try goOn(after: event.position, blocked, of: subscriber, wanted)
        case .done(let last): try goOn(after: last, blocked, of: subscriber, wanted)
        }
    }

    /// Ends the block of an aggregate, unless an event after `position` waits already.
    private func goOn(
        after position: Int, _ blocked: BlockedAggregate, of subscriber: ServiceName, _ wanted: Set<String>
    ) throws {
        let later = try rows(
            """
            SELECT position, type FROM events WHERE aggregate = ? AND position > ? AND position <= ? ORDER BY version
            """, blocked.aggregate, position, try cursor(of: subscriber)
        ) { (position: try $0.int(), type: try $0.text()) }
        if let next = later.first(where: { wanted.contains($0.type) }) {
            try execute(
                """
                UPDATE blocked_aggregates SET position = ?, attempts = 0, error = ''
                WHERE subscriber = ? AND aggregate = ?
                """, next.position, subscriber.rawValue, blocked.aggregate)
        } else {
            try execute(
                "DELETE FROM blocked_aggregates WHERE subscriber = ? AND aggregate = ?", subscriber.rawValue,
                blocked.aggregate)
        }
    }

    /// What each subscriber of a service's events lacks.
    public func subscriptions(of publisher: ServiceName) throws -> [SubscriptionState] {
        let types = EventType.allCases.filter { $0.publisher == publisher }
        return try ServiceName.allCases.filter { name in types.contains { $0.subscribers.contains(name) } }.map {
            name in
            let wanted = types.filter { $0.subscribers.contains(name) }
            let after = try cursor(of: name)
            let lacking = try wanted.map { type in
                try row(
                    "SELECT COUNT(*) FROM events WHERE position > ? AND type = ?", after, type.rawValue
                ) { try $0.int() } ?? 0
            }
            let blocked = try row("SELECT COUNT(*) FROM blocked_aggregates WHERE subscriber = ?", name.rawValue) {
                try $0.int()
            }
            let dead = try row("SELECT COUNT(*) FROM dead_letters WHERE subscriber = ?", name.rawValue) { try $0.int() }
            return SubscriptionState(
                subscriber: name, cursor: after, lacking: lacking.reduce(0, +), blocked: blocked ?? 0,
                deadLetters: dead ?? 0)
        }
    }

    /// The position of the newest event; 0 for an empty log.
    package func lastEventPosition() throws -> Int {
        try row("SELECT MAX(position) FROM events") { try $0.optionalInt() ?? 0 } ?? 0
    }

    /// The events behind a position, in their order, without their data.
    package func eventSummaries(after position: Int) throws -> [EventSummary] {
        try rows(
            """
            SELECT position, aggregate, version, type, occurred_at FROM events WHERE position > ? ORDER BY position
            """, position
        ) {
            EventSummary(
                position: try $0.int(), about: try $0.text(), version: try $0.int(), type: try $0.text(),
                occurredAt: try $0.instant())
        }
    }

    // MARK: Dead letters

    /// The dead letters of all subscribers, oldest first, at most `limit`.
    public func deadLetters(limit: Int) throws -> [DeadLetter] {
        try rows(
            """
            SELECT subscriber, position, aggregate, type, attempts, error, died_at, is_replayed FROM dead_letters
            ORDER BY subscriber, position LIMIT ?
            """, limit
        ) {
            DeadLetter(
                subscriber: try $0.value(), position: try $0.int(), aggregate: try $0.text(), type: try $0.text(),
                attempts: try $0.int(), error: try $0.text(), diedAt: try $0.instant(), isReplayed: try $0.bool())
        }
    }

    /// Has a dead letter delivered once more. Returns false when there is none.
    public func replayDeadLetter(of subscriber: ServiceName, at position: Int) throws -> Bool {
        let isThere = try execute(
            "UPDATE dead_letters SET is_replayed = 1 WHERE subscriber = ? AND position = ?", subscriber.rawValue,
            position)
        if isThere == 1 { published() }
        return isThere == 1
    }

    /// Drops a dead letter. Returns false when there is none.
    @discardableResult
    public func discardDeadLetter(of subscriber: ServiceName, at position: Int) throws -> Bool {
        try execute(
            "DELETE FROM dead_letters WHERE subscriber = ? AND position = ?", subscriber.rawValue, position) == 1
    }

    /// Notes that a replayed dead letter was refused again.
    func refuseAgain(_ event: PublishedEvent, of subscriber: ServiceName, _ error: String) throws {
        try execute(
            """
            UPDATE dead_letters SET is_replayed = 0, attempts = attempts + 1, error = ?
            WHERE subscriber = ? AND position = ?
            """, error.cut(toBytes: 500), subscriber.rawValue, event.position)
    }
}

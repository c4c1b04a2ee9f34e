public import Logging
public import PetProContracts
public import Rookery
public import ServiceLifecycle
public import PetProRuntime

extension Transaction {
    /// Publishes an event if this transaction commits.
    ///
    /// Every subscriber receives the event at least once. Events about one aggregate, such as `booking-12`, are sent in
    /// the order of their commits. `id` is the event's unique id, by which subscribers recognize repetitions.
    public func publish(
        _ type: EventType, _ data: some MessageValue, about aggregate: String, at now: Instant, id: String
    ) throws {
        let subscribers = type.subscribers
        if subscribers.isEmpty { return }
        let payload = EventEnvelope(eventId: id, type: type.rawValue, occurredAt: now, data: RawJSON(data.json)).json
        for subscriber in subscribers {
            try execute(
                """
                INSERT INTO outbox (event_id, subscriber, aggregate, type, payload, occurred_at)
                VALUES (?, ?, ?, ?, ?, ?)
                """, id, subscriber.rawValue, aggregate, type.rawValue, payload, now)
            published()
        }
    }

    /// Records a received event. Returns false when the event was received before. Call it in the transaction of the
    /// event's effect.
    public func isFirst(eventId: String, at now: Instant) throws -> Bool {
        try execute("INSERT INTO inbox (event_id, received_at) VALUES (?, ?) ON CONFLICT DO NOTHING", eventId, now) == 1
    }
}

/// Delivers the events in a database's outbox as requests, and repeats each one until its subscriber acknowledges it.
///
/// Each subscriber gets the events about one aggregate in the order of their commits. After a failed delivery, later
/// events do not wait for it. Events about several aggregates are delivered at once, so that their effects share
/// commits.
///
/// Only one instance of a service delivers, as long as it renews its lease. If that instance ends or stalls, another
/// one continues.
public struct OutboxRelay: Service {
    private let database: Database
    private let subscribers: [ServiceName: RookeryClient]
    private let clock: any Clock<Duration>
    private let now: @Sendable () -> Instant
    private let logger: Logger
    /// The name of this instance in the lease.
    private let holder: String
    private static let batch = 100
    /// How long a lease lasts without renewal. Then another instance may deliver.
    static let lease: Duration = .seconds(10)

    /// Makes a relay for one service's outbox.
    ///
    /// `subscribers` has a client for each service that receives its events. `holder` identifies this instance of the
    /// service, and must be unique.
    public init(
        database: Database, subscribers: [ServiceName: RookeryClient], logger: Logger,
        clock: any Clock<Duration> = ContinuousClock(), holder: String = ServiceEnvironment.randomID(),
        now: @escaping @Sendable () -> Instant
    ) {
        self.database = database
        self.subscribers = subscribers
        self.clock = clock
        self.holder = holder
        self.now = now
        self.logger = logger
    }

    /// Delivers until graceful shutdown or cancellation, and then gives up the lease. Another instance delivers the
    /// remaining events, or this one after its next start.
    public func run() async throws {
        // Runs on an event loop, where its calls begin.
        await withTaskExecutorPreference(EventLoops.shared.executors.first) { await relay() }
    }

    private func relay() async {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                do {
                    let delivered = try await deliverDue()
                    if delivered == Self.batch { continue }
                } catch is CancellationError {
                    break
                } catch {
                    logger.error("reading the outbox failed", metadata: ["error": "\(error)"])
                }
                await database.outboxSignal.wait(atMost: .milliseconds(250), clock: clock)
            }
        }
        await uncancelled("giving up the lease") { transaction in
            try transaction.execute("DELETE FROM relay_lease WHERE id = 1 AND holder = ?", holder)
        }
    }

    /// Delivers the events that are due, at most 100. Returns how many it took on, or 0 when another instance holds the
    /// lease. Throws when the database cannot be read or written.
    public func deliverDue() async throws -> Int {
        let now = self.now()
        let holder = self.holder
        // Usually no event is due, or another instance delivers. A read finds that out without blocking a writer.
        let isAnyDue = try await database.read { transaction in
            if try transaction.exists(
                "SELECT 1 FROM relay_lease WHERE id = 1 AND holder <> ? AND until > ?", holder, now)
            {
                return false
            }
            return try transaction.exists(
                "SELECT 1 FROM outbox WHERE delivered_at IS NULL AND next_attempt_at <= ? LIMIT 1", now)
        }
        guard isAnyDue else { return 0 }
        let events = try await database.write { transaction in
            try Self.takeLease(holder, in: transaction, at: now) ? try Self.due(in: transaction, at: now) : []
        }
        // This instance stops before another one could take over.
        let end = now + Self.lease / 2
        await withTaskGroup(of: Void.self) { group in
            for (subscriber, events) in Dictionary(grouping: events, by: \.subscriber) {
                group.addTask { await deliver(events, to: subscriber, until: end) }
            }
        }
        return events.count
    }

    /// How many events are under way to one subscriber at a time.
    private static let atOnce = 32

    /// Takes or renews the lease. Returns false when another instance holds it.
    private static func takeLease(_ holder: String, in transaction: Transaction, at now: Instant) throws -> Bool {
        try transaction.execute(
            """
            INSERT INTO relay_lease (id, holder, until) VALUES (1, ?, ?)
            ON CONFLICT (id) DO UPDATE SET holder = excluded.holder, until = excluded.until
            WHERE relay_lease.holder = excluded.holder OR relay_lease.until <= ?
            """, holder, now + lease, now) == 1
    }

    private static func due(in transaction: Transaction, at now: Instant) throws -> [UndeliveredEvent] {
        try transaction.rows(
            """
            SELECT id, subscriber, aggregate, type, payload, attempts FROM outbox
            WHERE delivered_at IS NULL AND next_attempt_at <= ? ORDER BY next_attempt_at, id LIMIT ?
            """, now, batch
        ) { row in
            UndeliveredEvent(
                id: try row.int(), subscriber: try row.value(), aggregate: try row.text(), type: try row.text(),
                payload: try row.text(), attempts: try row.int())
        }
    }

    /// Delivers events to one subscriber, and then marks the acknowledged ones. After a crash in between, they are
    /// delivered again.
    private func deliver(_ events: [UndeliveredEvent], to subscriber: ServiceName, until end: Instant) async {
        let delivered = await withTaskGroup(of: [Int].self) { group in
            var delivered: [Int] = []
            var count = 0
            for (_, events) in Dictionary(grouping: events, by: \.aggregate) {
                if count >= Self.atOnce, let ids = await group.next() { delivered += ids }
                count += 1
                group.addTask { await deliverInOrder(events, to: subscriber, until: end) }
            }
            for await ids in group { delivered += ids }
            return delivered
        }
        if delivered.isEmpty { return }
        let now = self.now()
        await uncancelled("noting deliveries") { [delivered] transaction in
            for id in delivered {
                try transaction.execute("UPDATE outbox SET delivered_at = ? WHERE id = ?", now, id)
            }
        }
    }

    /// Delivers the events about one aggregate in their order. Returns the ids of the acknowledged ones.
    private func deliverInOrder(
        _ events: [UndeliveredEvent], to subscriber: ServiceName, until end: Instant
    ) async -> [Int] {
        var delivered: [Int] = []
        for event in events where now() < end && !Task.isCancelled {
            do {
                try await deliver(event, to: subscriber)
                delivered.append(event.id)
            } catch is CancellationError {
                break
            } catch {
                await postpone(event, error)
            }
        }
        return delivered
    }

    /// Writes even while the service stops. The current task may be cancelled, so this writes in another task and waits
    /// for it.
    private func uncancelled(_ what: String, _ body: @escaping @Sendable (Transaction) throws -> Void) async {
        await Task {
            do {
                try await database.write { try body($0) }
            } catch {
                logger.error("\(what) failed", metadata: ["error": "\(error)"])
            }
        }.value
    }

    private func deliver(_ event: UndeliveredEvent, to subscriber: ServiceName) async throws {
        guard let client = subscribers[subscriber] else {
            throw CallError(.cannotConnect, "No address is configured for \(subscriber.rawValue).")
        }
        let command = Command(event.type, pattern: Pattern(event.type), idempotency: .keyed)
        try await client._request(command, RawJSON(event.payload))
    }

    private func postpone(_ event: UndeliveredEvent, _ error: any Error) async {
        let next = now() + UndeliveredEvent.delay(attempts: event.attempts)
        logger.info(
            "an event was not acknowledged",
            metadata: [
                "type": "\(event.type)", "subscriber": "\(event.subscriber.rawValue)",
                "attempts": "\(event.attempts + 1)",
                "error": "\(error)",
            ])
        await uncancelled("noting a failed delivery") { transaction in
            try transaction.execute(
                "UPDATE outbox SET attempts = attempts + 1, next_attempt_at = ? WHERE id = ?", next, event.id)
        }
    }
}

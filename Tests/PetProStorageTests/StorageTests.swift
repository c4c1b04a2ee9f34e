import Logging
import PetProContracts
import PetProRuntime
import PetProStorage
import Rookery
import RookeryTesting
import Synchronization
import Testing

private let now = Instant(milliseconds: 1_800_000_000_000)

@Suite("The outbox")
struct OutboxTests {
    /// A service that acknowledges, or not, and notes what it was told.
    private final class Subscriber: Sendable {
        let told = Mutex<[String]>([])
        let isDown = Mutex(false)

        var routes: [Route] {
            [
                .raw("booking.created", isEvent: true) { value in
                    if self.isDown.withLock({ $0 }) { throw RemoteError("DOWN", "down") }
                    self.told.withLock { $0.append(value?["eventId"]?.stringValue ?? "") }
                    return nil
                }
            ]
        }
    }

    private static let event = BookingCreated(
        bookingId: 1, vendorId: 2, serviceId: 3, start: now, end: now + .seconds(60), status: .pending)

    @Test("delivers an event until it is acknowledged, then no more")
    func delivery() async throws {
        let database = try Database(inMemory: [])
        let subscriber = Subscriber()
        subscriber.isDown.withLock { $0 = true }
        let time = Mutex(now)
        let relay = OutboxRelay(
            database: database, subscribers: [.vendor: try InMemoryTransport(subscriber.routes).client()],
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }, now: { time.withLock { $0 } })
        try await database.write { try $0.publish(.bookingCreated, Self.event, about: "booking-1", at: now, id: "e1") }

        #expect(try await relay.deliverDue() == 1)
        // It failed, so it is not due again at once.
        #expect(try await relay.deliverDue() == 0)
        subscriber.isDown.withLock { $0 = false }
        time.withLock { $0 = $0 + .seconds(1) }
        #expect(try await relay.deliverDue() == 1)
        #expect(subscriber.told.withLock { $0 } == ["e1"])
        time.withLock { $0 = $0 + .seconds(3600) }
        #expect(try await relay.deliverDue() == 0)
    }

    @Test("is delivered by one instance of its service at a time; another goes on when that one is silent")
    func lease() async throws {
        let database = try Database(inMemory: [])
        let subscriber = Subscriber()
        let time = Mutex(now)
        func relay(_ holder: String) throws -> OutboxRelay {
            OutboxRelay(
                database: database, subscribers: [.vendor: try InMemoryTransport(subscriber.routes).client()],
                logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }, holder: holder,
                now: { time.withLock { $0 } })
        }
        let (first, second) = (try relay("first"), try relay("second"))
        func publish(_ id: String) async throws {
            try await database.write {
                try $0.publish(.bookingCreated, Self.event, about: "booking-1", at: now, id: id)
            }
        }
        try await publish("e1")
        #expect(try await first.deliverDue() == 1)
        try await publish("e2")
        #expect(try await second.deliverDue() == 0, "the first one delivers")
        time.withLock { $0 = $0 + .seconds(11) }
        #expect(try await second.deliverDue() == 1)
        try await publish("e3")
        #expect(try await first.deliverDue() == 0, "it has lost its lease")
        #expect(try await second.deliverDue() == 1)
        #expect(subscriber.told.withLock { $0 } == ["e1", "e2", "e3"])
        // One that stops gives its lease up.
        let stopping = Task { try await second.run() }
        stopping.cancel()
        _ = await stopping.result
        try await publish("e4")
        #expect(try await first.deliverDue() == 1)
    }

    @Test("holds nothing of a transaction that was rolled back")
    func rollback() async throws {
        struct Failed: Error {}
        let database = try Database(inMemory: [])
        await #expect(throws: Failed.self) {
            try await database.write { transaction in
                try transaction.publish(.bookingCreated, Self.event, about: "booking-1", at: now, id: "e1")
                throw Failed()
            }
        }
        #expect(try await database.read { try $0.table("SELECT * FROM outbox").count } == 0)
    }

    @Test("delivers what is about one thing in its order, and holds nothing else up for it")
    func order() async throws {
        let database = try Database(inMemory: [])
        let told = Mutex<[String]>([])
        let other = Signal()
        let routes: [Route] = [
            .raw("booking.created", isEvent: true) { value in
                let id = value?["eventId"]?.stringValue ?? ""
                // The first one is slow, until another booking's event has come.
                if id == "a1" { await other.wait() }
                told.withLock { $0.append(id) }
                if id == "b1" { other.send() }
                return nil
            }
        ]
        let relay = OutboxRelay(
            database: database, subscribers: [.vendor: try InMemoryTransport(routes).client()],
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }, now: { now })
        try await database.write { transaction in
            for (id, booking) in [("a1", "booking-1"), ("a2", "booking-1"), ("b1", "booking-2"), ("a3", "booking-1")] {
                try transaction.publish(.bookingCreated, Self.event, about: booking, at: now, id: id)
            }
        }
        #expect(try await relay.deliverDue() == 4)
        #expect(told.withLock { $0 } == ["b1", "a1", "a2", "a3"])
    }

    @Test("keeps an event for each subscriber, and none for an event nobody is told of")
    func subscribers() async throws {
        let database = try Database(inMemory: [])
        try await database.write { transaction in
            try transaction.publish(
                .vendorStatusChanged, VendorStatusChanged(vendorId: 1, from: .active, to: .suspended),
                about: "vendor-1", at: now, id: "e1")
            try transaction.publish(
                .userCreated, UserCreated(userId: 1, role: .customer), about: "user-1", at: now, id: "e2")
        }
        let rows = try await database.read {
            try $0.rows("SELECT subscriber FROM outbox ORDER BY id") { try $0.text() }
        }
        #expect(rows == ["booking", "product"])
    }

    @Test("is received once however often it is delivered")
    func deduplication() async throws {
        let database = try Database(inMemory: [])
        #expect(try await database.write { try $0.isFirst(eventId: "e1", at: now) })
        #expect(try await !database.write { try $0.isFirst(eventId: "e1", at: now) })
        #expect(try await database.write { try $0.isFirst(eventId: "e2", at: now) })
    }

    @Test("comes for the first time again when its effect was rolled back")
    func deduplicationRolledBack() async throws {
        struct Failed: Error {}
        let database = try Database(inMemory: [])
        await #expect(throws: Failed.self) {
            try await database.write { transaction in
                #expect(try transaction.isFirst(eventId: "e1", at: now))
                throw Failed()
            }
        }
        #expect(try await database.write { try $0.isFirst(eventId: "e1", at: now) })
    }
}

@Suite("An idempotency key")
struct IdempotencyTests {
    @Test("brings the same reply back for a day, for the same request only")
    func replay() async throws {
        let database = try Database(inMemory: [])
        let key = IdempotencyKey(scope: "user:1", key: "k", body: "{\"a\":1}", subject: 7)
        #expect(try await database.read { try key.reply(in: $0, at: now) as Int? } == nil)
        try await database.write { try key.keep(42, in: $0, at: now) }
        #expect(try await database.read { try key.reply(in: $0, at: now) as Int? } == 42)

        let other = IdempotencyKey(scope: "user:1", key: "k", body: "{\"a\":2}", subject: 7)
        let error = await #expect(throws: RemoteError.self) {
            try await database.read { try other.reply(in: $0, at: now) as Int? }
        }
        #expect(error?.code == .keyReused)
        let elsewhere = IdempotencyKey(scope: "user:2", key: "k", body: "{\"a\":2}", subject: 7)
        #expect(try await database.read { try elsewhere.reply(in: $0, at: now) as Int? } == nil)
        let tomorrow = now + .seconds(24 * 3600)
        #expect(try await database.read { try key.reply(in: $0, at: tomorrow) as Int? } == nil)
    }
}

@Suite("A signal")
struct SignalTests {
    @Test("sent before the wait is not missed, and cancellation ends the wait")
    func signals() async {
        let signal = Signal()
        signal.send()
        signal.send()
        await signal.wait()
        let task = Task { await signal.wait() }
        task.cancel()
        await task.value
    }
}

import Foundation
import Logging
import PetProContracts
import PetProRuntime
import PetProTesting
import Rookery
import RookeryTesting
import Synchronization
import Testing
import Tracing

@testable import PetProStorage

private let now = Instant(milliseconds: 1_800_000_000_000)
private let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

private func booking(_ id: Int, _ status: BookingStatus = .pending) -> BookingStatusChanged {
    BookingStatusChanged(bookingId: id, vendorId: 2, from: .pending, to: status)
}

/// A subscriber that acknowledges, refuses or does not answer, and notes what it was told.
private final class Subscriber: Sendable {
    enum Mood { case takes, refuses, isDown }
    private let told = Mutex<[String]>([])
    private let moods = Mutex<[String: Mood]>([:])

    /// The ids of the events that it took.
    var taken: [String] { told.withLock { $0 } }

    /// How it behaves towards an event, or all others.
    func set(_ mood: Mood, for id: String = "") { moods.withLock { $0[id] = mood } }

    var routes: [Route] {
        [EventType.bookingStatusChanged, .bookingCreated].map { type in
            .raw(Pattern(type.rawValue), isEvent: true) { value in
                let id = value?["eventId"]?.stringValue ?? ""
                switch self.moods.withLock({ $0[id] ?? $0[""] }) ?? .takes {
                case .takes: self.told.withLock { $0.append(id) }
                case .refuses: throw RemoteError("NOT_LIKED", "no")
                case .isDown: throw RemoteError(.shuttingDown, "down")
                }
                return nil
            }
        }
    }
}

/// A log of bookings' events with one subscriber, and time that a test passes.
private struct Log: Sendable {
    let database: Database
    let subscriber = Subscriber()
    let time = SettableUptime()

    init(_ database: Database? = nil) throws { self.database = try database ?? Database.temporary([]) }

    func relay(_ holder: String = "one") throws -> EventRelay {
        EventRelay(
            of: .booking, database: database,
            clients: [.vendor: try InMemoryTransport(subscriber.routes).client()],
            lease: lease(holder), logger: quiet, uptime: { time.now }, now: { now })
    }

    func lease(_ holder: String) -> WorkLease {
        WorkLease(database: database, logger: quiet, holder: holder, uptime: { time.now })
    }

    func publish(_ ids: [(id: String, booking: Int)], at now: Instant = now) async throws {
        try await database.write { transaction in
            for (id, number) in ids {
                try transaction.publish(
                    .bookingStatusChanged, booking(number), about: "booking-\(number)", at: now, id: id)
            }
        }
    }
}

/// Uptime that passes when a test says so.
final class SettableUptime: Sendable {
    private let passed = Mutex(Duration.seconds(1000))
    var now: Duration { passed.withLock { $0 } }
    func pass(_ time: Duration) { passed.withLock { $0 += time } }
}

@Suite("The log of events")
struct EventTests {
    @Test("numbers the events about one thing, in the order of their commits, and drops those of a rollback")
    func versions() async throws {
        struct Failed: Error {}
        let log = try Log()
        try await log.publish([("a1", 1), ("b1", 2), ("a2", 1)])
        await #expect(throws: Failed.self) {
            try await log.database.write { transaction in
                try transaction.publish(.bookingStatusChanged, booking(1), about: "booking-1", at: now, id: "no")
                throw Failed()
            }
        }
        try await log.publish([("a3", 1)])
        let rows = try await log.database.read { try $0.events(after: 0, limit: 10) }
        #expect(
            rows.map { "\($0.id) \($0.aggregate) \($0.version)" } == [
                "a1 booking-1 1", "b1 booking-2 1", "a2 booking-1 2", "a3 booking-1 3",
            ])
        #expect(rows.map(\.position) == rows.map(\.position).sorted())
    }

    @Test("is delivered in the trace of what caused it, and in one of its own without one")
    func traces() async throws {
        let log = try Log()
        let trace = Traceparent.random()
        var surroundings = ServiceContext.topLevel
        surroundings.callMetadata[MetadataName.traceparent] = trace.description
        try await ServiceContext.withValue(surroundings) { try await log.publish([("a1", 1)]) }
        try await log.publish([("b1", 2)])
        let tracer = BoundedTracer()
        let client = try RookeryClient(inMemory: RookeryService(log.subscriber.routes), tracer: tracer)
        let relay = EventRelay(
            of: .booking, database: log.database, clients: [.vendor: client], lease: log.lease("one"), logger: quiet,
            uptime: { log.time.now }, now: { now })
        #expect(try await relay.deliverDue() > 0)
        // Events about two aggregates have no order.
        #expect(log.subscriber.taken.sorted() == ["a1", "b1"])
        let delivery = try #require(tracer.spans(of: trace.traceID).first)
        #expect(delivery.parent == trace.id && delivery.operationName == "booking.status-changed")
        // The call and nothing of the other event.
        #expect(tracer.spans(of: trace.traceID).count < tracer.count)
        // A dead letter keeps it.
        log.subscriber.set(.refuses)
        try await ServiceContext.withValue(surroundings) { try await log.publish([("c1", 3)]) }
        for _ in 0..<30 {
            _ = try await relay.deliverDue()
            log.time.pass(.seconds(3600))
        }
        let letters = try await log.database.read { try $0.deadLetters(limit: 9) }
        #expect(letters.map(\.position).count == 1)
        let before = tracer.spans(of: trace.traceID).count
        log.subscriber.set(.takes)
        try await log.database.write { _ = try $0.replayDeadLetter(of: .vendor, at: letters[0].position) }
        _ = try await relay.deliverDue()
        #expect(log.subscriber.taken.last == "c1" && tracer.spans(of: trace.traceID).count > before)
    }

    @Test("is delivered until it is acknowledged, then no more")
    func delivery() async throws {
        let log = try Log()
        log.subscriber.set(.isDown)
        let relay = try log.relay()
        try await log.publish([("a1", 1)])
        #expect(try await relay.deliverDue() == 0)
        log.subscriber.set(.takes)
        // It pauses first.
        #expect(try await relay.deliverDue() == 0)
        log.time.pass(.seconds(1))
        #expect(try await relay.deliverDue() == 1)
        #expect(log.subscriber.taken == ["a1"])
        log.time.pass(.seconds(3600))
        #expect(try await relay.deliverDue() == 0)
    }

    @Test("waits with the events about one thing for one that is refused, and with no others")
    func blocked() async throws {
        let log = try Log()
        log.subscriber.set(.refuses, for: "a1")
        let relay = try log.relay()
        try await log.publish([("a1", 1), ("b1", 2), ("a2", 1), ("c1", 3)])
        _ = try await relay.deliverDue()
        try await log.publish([("a3", 1), ("b2", 2)])
        _ = try await relay.deliverDue()
        #expect(log.subscriber.taken.sorted() == ["b1", "b2", "c1"])
        log.subscriber.set(.takes, for: "a1")
        log.time.pass(.seconds(1))
        _ = try await relay.deliverDue()
        #expect(log.subscriber.taken.suffix(3) == ["a1", "a2", "a3"])
        #expect(try await log.database.read { try $0.retries(of: .vendor, limit: 9, blockedLimit: 9).blocked } == [])
    }

    @Test("has a dead letter after ten refusals, and the later events about it go on")
    func deadLetter() async throws {
        let log = try Log()
        log.subscriber.set(.refuses, for: "a1")
        let relay = try log.relay()
        try await log.publish([("a1", 1), ("a2", 1)])
        for _ in 0..<30 {
            _ = try await relay.deliverDue()
            log.time.pass(.seconds(10))
        }
        #expect(log.subscriber.taken == ["a2"])
        let letters = try await log.database.read { try $0.deadLetters(limit: 9) }
        #expect(letters.map { "\($0.aggregate) \($0.attempts) \($0.type)" } == ["booking-1 10 booking.status-changed"])
        #expect(letters.first?.error.contains("NOT_LIKED") == true)
        // An operator may have it delivered again.
        let position = try #require(letters.first?.position)
        #expect(try await log.database.write { try !$0.replayDeadLetter(of: .vendor, at: position + 1) })
        #expect(try await log.database.write { try $0.replayDeadLetter(of: .vendor, at: position) })
        _ = try await relay.deliverDue()
        #expect(try await log.database.read { try $0.deadLetters(limit: 9).map(\.attempts) } == [11])
        log.subscriber.set(.takes, for: "a1")
        _ = try await log.database.write { try $0.replayDeadLetter(of: .vendor, at: position) }
        _ = try await relay.deliverDue()
        #expect(log.subscriber.taken == ["a2", "a1"])
        #expect(try await log.database.read { try $0.deadLetters(limit: 9).isEmpty })
    }

    @Test("costs nothing but attempts while a subscriber is down for an hour, and loses nothing then")
    func subscriberDown() async throws {
        let log = try Log()
        log.subscriber.set(.isDown)
        let relay = try log.relay()
        let ids = (0..<250).map { (id: "e\($0)", booking: $0 % 50) }
        try await log.publish(ids)
        _ = try await relay.deliverDue()
        let before = try await log.database.read { try $0.table("SELECT * FROM subscriptions").count }
        for _ in 0..<360 {
            log.time.pass(.seconds(10))
            _ = try await relay.deliverDue()
        }
        #expect(before == 0)
        #expect(try await log.database.read { try $0.table("SELECT * FROM subscriptions").isEmpty })
        #expect(try await log.database.read { try $0.table("SELECT * FROM blocked_aggregates").isEmpty })
        #expect(log.subscriber.taken.isEmpty)
        log.subscriber.set(.takes)
        log.time.pass(.seconds(10))
        _ = try await relay.deliverDue()
        #expect(log.subscriber.taken.count == 250 && Set(log.subscriber.taken) == Set(ids.map(\.id)))
        for booking in 0..<50 {
            let own = log.subscriber.taken.filter { Int($0.dropFirst()).map { $0 % 50 } == booking }
            #expect(own == own.sorted { (Int($0.dropFirst()) ?? 0) < (Int($1.dropFirst()) ?? 0) })
        }
    }

    @Test("is delivered by one instance at a time; another goes on when that one is silent or stops")
    func lease() async throws {
        let log = try Log()
        let (first, second) = (try log.relay("first"), try log.relay("second"))
        try await log.publish([("a1", 1)])
        #expect(try await first.deliverDue() == 1)
        try await log.publish([("a2", 1)])
        #expect(try await second.deliverDue() == 0, "the first one delivers")
        log.time.pass(.seconds(14))
        #expect(try await second.deliverDue() == 0, "it may come back")
        log.time.pass(.seconds(1))
        #expect(try await second.deliverDue() == 1)
        try await log.publish([("a3", 1)])
        #expect(try await first.deliverDue() == 0, "it has lost its lease")
        #expect(try await second.deliverDue() == 1)
        #expect(log.subscriber.taken == ["a1", "a2", "a3"])
    }

    @Test("writes nothing for an instance that has lost its lease")
    func fenced() async throws {
        let log = try Log()
        let (first, second) = (log.lease("first"), log.lease("second"))
        try await first.keep()
        let token = try #require(first.token)
        try await second.keep()
        #expect(second.token == nil)
        try await log.database.write { try WorkLease.check(token, in: $0) }
        log.time.pass(.seconds(15))
        #expect(first.token == nil, "it stands down by itself")
        try await second.keep()
        #expect(second.token != nil)
        await #expect(throws: WorkLease.Lost.self) {
            try await log.database.write { try WorkLease.check(token, in: $0) }
        }
        await second.giveUp()
        try await first.keep()
        #expect(first.isHeld, "one that was given up is taken at once")
        // The holder is a process of this machine that has ended, or a name that says nothing.
        for (holder, isGone) in [
            ("\(ProcessName.machine)/4194305/x", true), ("elsewhere/4194305/x", false),
        ] {
            try await log.database.write { try $0.execute("UPDATE leases SET holder = ?, beat = beat + 1", holder) }
            let third = log.lease("third")
            try await third.keep()
            #expect(third.isHeld == isGone)
        }
    }

    @Test("loses no event of a run in which the lease lapsed and came back")
    func lapsed() async throws {
        let log = try Log()
        let lease = log.lease("one")
        let told = Mutex<[String]>([])
        let routes: [Route] = [
            .raw(Pattern(EventType.bookingStatusChanged.rawValue), isEvent: true) { value in
                let id = value?["eventId"]?.stringValue ?? ""
                // After the first one the lease has lapsed, so the second one is not sent.
                let isFirst = told.withLock { !$0.contains(id) }
                if id == "a1", isFirst { log.time.pass(.seconds(11)) }
                if id == "b1", isFirst {
                    while !told.withLock({ $0.contains("a1") }) { await Task.yield() }
                    for _ in 0..<1000 { await Task.yield() }
                    try await lease.keep()
                }
                told.withLock { $0.append(id) }
                return nil
            }
        ]
        let relay = EventRelay(
            of: .booking, database: log.database, clients: [.vendor: try InMemoryTransport(routes).client()],
            lease: lease, logger: quiet, uptime: { log.time.now }, now: { now })
        try await log.publish([("a1", 1), ("a2", 1), ("b1", 2)])
        await #expect(throws: WorkLease.Lost.self) { _ = try await relay.deliverDue() }
        _ = try await relay.deliverDue()
        #expect(told.withLock { $0 }.contains("a2"))
        #expect(try await log.database.read { try $0.cursor(of: .vendor) } == 3)
    }

    @Test("is delivered again as a whole after a restore, under a new epoch")
    func restored() async throws {
        let log = try Log()
        let relay = try log.relay()
        try await log.publish([("a1", 1), ("b1", 2)])
        _ = try await relay.deliverDue()
        let first = try #require(try await log.database.read { try $0.epoch() })
        let second = try await log.database.write { try $0.beginEpoch(at: Instant(milliseconds: 1)) }
        #expect(second == first + 1, "above the old one, whatever the clock says")
        _ = try await relay.deliverDue()
        #expect(log.subscriber.taken.sorted() == ["a1", "a1", "b1", "b1"])
    }

    @Test("comes once however often it is delivered, and never after a newer one")
    func news() async throws {
        let database = try Database.temporary([])
        func isNews(_ epoch: Int?, _ version: Int?, id: String = "e", about: String? = "booking-1") async throws -> Bool
        {
            let event = EventEnvelope(
                eventId: id, type: "booking.status-changed", occurredAt: now, aggregate: about, epoch: epoch,
                version: version, data: booking(1))
            return try await database.write { try $0.isNews(event, at: now) }
        }
        #expect(try await isNews(1, 2))
        #expect(try await !isNews(1, 2))
        #expect(try await !isNews(1, 1), "an older one")
        #expect(try await isNews(1, 3))
        #expect(try await isNews(1, 1, about: "booking-2"))
        #expect(try await isNews(2, 1), "of a log that was restored")
        #expect(try await !isNews(1, 9))
        // Of a publisher that has no versions.
        #expect(try await isNews(nil, nil, id: "x", about: nil))
        #expect(try await !isNews(nil, nil, id: "x", about: nil))
    }

    @Test("is kept for a week after its delivery; the newest about each thing is kept for good")
    func retention() async throws {
        let log = try Log()
        let relay = try log.relay()
        log.subscriber.set(.refuses, for: "c1")
        try await log.publish([("a1", 1), ("a2", 1), ("b1", 2), ("c1", 3), ("c2", 3)])
        func left(after days: Int) async throws -> [String] {
            for rule in RetentionRule.common(of: .booking) {
                _ = try await rule.apply(to: log.database, at: now + .seconds(days * 24 * 3600))
            }
            return try await log.database.read { try $0.events(after: 0, limit: 9).map(\.id) }
        }
        #expect(try await left(after: 30) == ["a1", "a2", "b1", "c1", "c2"], "the subscriber lacks them")
        _ = try await relay.deliverDue()
        #expect(try await left(after: 6) == ["a1", "a2", "b1", "c1", "c2"])
        #expect(try await left(after: 7) == ["a2", "b1", "c1", "c2"])
        // A key of two columns, of two types.
        try await log.database.write { transaction in
            for (position, age) in [(1, 31), (2, 31), (3, 29)] {
                try transaction.execute(
                    """
                    INSERT INTO dead_letters (subscriber, position, aggregate, version, event_id, type, data, occurred_at, attempts,
                        error, died_at, is_replayed)
                    VALUES (?, ?, 'x', 1, 'x', 'x', '{}', 0, 10, 'x', ?, 0)
                    """, "vendor", position, now - .seconds(age * 24 * 3600))
            }
        }
        _ = try await left(after: 0)
        let letters = try await log.database.read {
            try $0.rows("SELECT position FROM dead_letters ORDER BY position") { try $0.int() }
        }
        #expect(letters == [3])
        try await log.publish([("a3", 1)])
        let versions = try await log.database.read {
            try $0.events(after: 0, limit: 9).filter { $0.aggregate == "booking-1" }
        }
        #expect(versions.map(\.version) == [2, 3])
    }
}

/// Random numbers that are the same in each run of a seed.
private final class Dice: Sendable {
    private let random: Mutex<SeededRandom>
    init(_ seed: UInt64) { random = Mutex(SeededRandom(seed)) }
    func next(upTo limit: Int) -> Int { random.withLock { Int.random(in: 0..<limit, using: &$0) } }
}

@Suite("Random deliveries")
struct EventOrderTests {
    /// How many seeds to run: `ORDERS=100 swift test --filter EventOrderTests` has 100 000 events.
    private static let orders = ProcessInfo.processInfo.environment["ORDERS"].flatMap { UInt64($0) }

    /// A subscriber that refuses or loses events at random, with two relays of which one holds the lease. It notes the last
    /// version of each thing, as a service does. The clock jumps back and forth by up to a day.
    @Test(
        "leave the newest state of everything at the subscriber, in order, whatever the clock says",
        arguments: UInt64(0)..<(orders ?? 20))
    func order(_ seed: UInt64) async throws {
        let log = try Log()
        let random = Dice(seed)
        let inbox = try Database.temporary([])
        let state = Mutex<[String: [Int]]>([:])
        let isCalm = Mutex(false)
        let clock = Mutex(now)
        let routes: [Route] = [
            .raw(Pattern(EventType.bookingStatusChanged.rawValue), isEvent: true) { value in
                let dice = isCalm.withLock { $0 } ? 100 : random.next(upTo: 10)
                if dice == 0 { throw RemoteError("NOT_LIKED", "no") }
                if dice == 1 { throw RemoteError(.overloaded, "busy") }
                let event = try EventEnvelope<BookingStatusChanged>.decode(json: value?.jsonText ?? "")
                if try await inbox.write({ try $0.isNews(event, at: clock.withLock { $0 }) }) {
                    state.withLock { $0[event.aggregate ?? "", default: []].append(event.version ?? 0) }
                }
                // The effect is there, and its acknowledgement gets lost.
                if dice == 2 { throw RemoteError(.deadlineExceeded, "lost") }
                return nil
            }
        ]
        let relays = try ["one", "two"].map { holder in
            EventRelay(
                of: .booking, database: log.database, clients: [.vendor: try InMemoryTransport(routes).client()],
                lease: log.lease(holder), logger: quiet, uptime: { log.time.now }, now: { clock.withLock { $0 } })
        }
        for step in 0..<(Self.orders == nil ? 60 : 200) {
            clock.withLock { $0 = now + .seconds(random.next(upTo: 2 * 86_400) - 86_400) }
            try await log.publish(
                (0..<5).map { ("e\(step)-\($0)", random.next(upTo: 8)) }, at: clock.withLock { $0 })
            _ = try await relays[random.next(upTo: 2)].deliverDue()
            log.time.pass(.milliseconds(random.next(upTo: 16_000)))
        }
        isCalm.withLock { $0 = true }
        for _ in 0..<40 {
            for relay in relays { _ = try await relay.deliverDue() }
            log.time.pass(.seconds(8))
        }
        let newest = try await log.database.read { transaction in
            try transaction.rows("SELECT aggregate, MAX(version) FROM events GROUP BY aggregate") {
                (try $0.text(), try $0.int())
            }
        }
        for (aggregate, version) in newest {
            let seen = state.withLock { $0[aggregate] ?? [] }
            #expect(seen.last == version, "\(aggregate), seed \(seed)")
            #expect(seen == seen.sorted() && Set(seen).count == seen.count, "\(aggregate), seed \(seed)")
        }
        #expect(newest.count == 8)
    }
}

public import Logging
public import PetProContracts
import PetProRuntime
public import Rookery
public import ServiceLifecycle
import Synchronization
import Tracing

/// Delivers the events of a service's log as requests, until each subscriber has acknowledged them.
///
/// Each subscriber has a position in the log of its own, so one that is down holds up no other. It gets the events about one
/// aggregate in the order of their commits. An event that fails is tried again with growing pauses, and holds up the later events
/// about the same aggregate only. After ten refusals it is a dead letter.
///
/// Only the instance with the service's ``WorkLease`` delivers.
public final class EventRelay: Service {
    /// How a run ended.
    private enum Run {
        case nothing, subscriberFailed
        /// Something was delivered, and nothing more was due.
        case delivered
        /// Something was delivered, and more may be due.
        case deliveredSome

        var hasDelivered: Bool { self == .delivered || self == .deliveredSome }
    }

    private struct Backoff {
        var attempts = 0
        var until: Duration = .zero

        mutating func failed(at uptime: Duration) {
            attempts += 1
            until = uptime + BlockedAggregate.delay(attempts: attempts)
        }
    }

    private let publisher: ServiceName
    private let database: Database
    private let clients: [ServiceName: RookeryClient]
    private let lease: WorkLease
    private let clock: any Clock<Duration>
    private let now: @Sendable () -> Instant
    private let uptime: @Sendable () -> Duration
    private let logger: Logger
    /// The pauses of subscribers that do not answer.
    private let backoffs = Mutex<[ServiceName: Backoff]>([:])
    /// When each subscriber last answered.
    private let answeredAt = Mutex<[ServiceName: Duration]>([:])
    /// When to try blocked aggregates again.
    private let retryAt = Mutex<[ServiceName: [String: Duration]]>([:])

    private static let batch = 100
    /// How many aggregates are under way to one subscriber at a time.
    private static let atOnce = 32
    /// How often to look for events of other instances, and for what is to be tried again.
    private static let poll: Duration = .milliseconds(250)
    /// The shortest time between the beginnings of two runs that are not full. Events that come sooner share a run, and what it
    /// reads and commits.
    private static let pace: Duration = .milliseconds(20)

    /// Makes a relay of a service's events. `clients` has a client for each service that receives some. `uptime` never goes
    /// back.
    public init(
        of publisher: ServiceName, database: Database, clients: [ServiceName: RookeryClient], lease: WorkLease,
        logger: Logger, clock: any Clock<Duration> = ContinuousClock(), uptime: (@Sendable () -> Duration)? = nil,
        now: @escaping @Sendable () -> Instant
    ) {
        let start = ContinuousClock.now
        self.publisher = publisher
        self.database = database
        self.clients = clients
        self.lease = lease
        self.clock = clock
        self.uptime = uptime ?? { start.duration(to: .now) }
        self.now = now
        self.logger = logger
    }

    /// The services that are told of some event, with the types.
    private var subscriptions: [(subscriber: ServiceName, types: Set<String>)] {
        let types = EventType.allCases.filter { $0.publisher == publisher }
        return ServiceName.allCases.compactMap { subscriber in
            let wanted = types.filter { $0.subscribers.contains(subscriber) }
            return wanted.isEmpty ? nil : (subscriber, Set(wanted.map(\.rawValue)))
        }
    }

    /// Delivers until graceful shutdown or cancellation.
    public func run() async throws {
        // Runs on an event loop, where its calls begin.
        await withTaskExecutorPreference(EventLoops.shared.executors.first) {
            await cancelWhenGracefulShutdown { [self] in
                await withDiscardingTaskGroup { group in
                    // A signal wakes one waiting task, so each has one of its own.
                    let signals = subscriptions.map { _ in Signal() }
                    group.addTask { [self] in await watch(signals) }
                    for (signal, subscription) in zip(signals, subscriptions) {
                        let (subscriber, types) = subscription
                        group.addTask { [self] in
                            await loop(pause: { await signal.wait() }) { try await deliverNext(to: subscriber, types) }
                        }
                        group.addTask { [self] in
                            // Only cancellation ends the pause early, and it ends the loop as well.
                            await loop(pause: { [self] in try? await clock.sleep(for: Self.poll) }) {
                                try await retryNext(to: subscriber, types)
                            }
                        }
                    }
                }
            }
        }
    }

    /// Sends all signals after a commit with events, and now and then, because another instance may have published some.
    private func watch(_ signals: [Signal]) async {
        while !Task.isCancelled {
            await database.eventSignal.wait(atMost: Self.poll, clock: clock)
            for signal in signals { signal.send() }
            // Only cancellation ends it early, and it ends the loop as well.
            try? await clock.sleep(for: Self.pace)
        }
    }

    private func loop(pause: () async -> Void, _ work: () async throws -> Run) async {
        var isFailing = false
        while !Task.isCancelled {
            do {
                let run = try await work()
                isFailing = false
                if run == .deliveredSome { continue }
            } catch is CancellationError {
                return
            } catch is WorkLease.Lost {
                // Another instance delivers now.
            } catch {
                // Once, and not with every try.
                logger.log(
                    level: isFailing ? .debug : .error, "events cannot be read or noted",
                    metadata: ["error": "\(error)"])
                isFailing = true
            }
            await pause()
        }
    }

    /// Takes the lease if no instance has it, and delivers everything that is due. Returns how many runs had something to do. Throws
    /// the error of the database.
    public func deliverDue() async throws -> Int {
        try await lease.keep()
        var runs = 0
        for (subscriber, types) in subscriptions {
            while try await deliverNext(to: subscriber, types).hasDelivered { runs += 1 }
            while try await retryNext(to: subscriber, types).hasDelivered { runs += 1 }
        }
        return runs
    }

    // MARK: New events

    private func deliverNext(to subscriber: ServiceName, _ wanted: Set<String>) async throws -> Run {
        guard let token = lease.token else { return .nothing }
        if backoffs.withLock({ $0[subscriber]?.until ?? .zero }) > uptime() { return .subscriberFailed }
        // Usually no event is due. A read finds that out without blocking a writer.
        let due = try await database.read {
            try $0.due(of: subscriber, limit: Self.batch, blockedLimit: Self.blockedLimit)
        }
        if due.events.isEmpty || due.blocked.count >= Self.blockedLimit { return .nothing }
        let run = DeliveryRun(due.events, blocked: Set(due.blocked.map(\.aggregate)), wanted: wanted)
        let epoch = try await epoch(due.epoch)
        let results = await deliver(run.sequences, to: subscriber, epoch)
        if Task.isCancelled { throw CancellationError() }
        // A sequence may have ended early while the lease had lapsed, even if this instance has it again.
        if !lease.isHeld || results.contains(where: { $0.next != nil && $0.failure == nil }) { throw WorkLease.Lost() }
        guard let outcome = run.outcome(results) else {
            let attempts = backoffs.withLock { backoffs in
                backoffs[subscriber, default: Backoff()].failed(at: uptime())
                return backoffs[subscriber]?.attempts ?? 0
            }
            logger.log(
                level: attempts == 1 ? .notice : .info, "a subscriber does not take events",
                metadata: [
                    "subscriber": "\(subscriber.rawValue)", "attempts": "\(attempts)",
                    "error": "\(results.compactMap(\.failure).first?.description ?? "")",
                ])
            return .subscriberFailed
        }
        backoffs.withLock { $0[subscriber] = nil }
        for result in results where result.failure != nil { note(result, subscriber, attempts: 1) }
        try await database.write { transaction in
            try WorkLease.check(token, in: transaction)
            try transaction.save(outcome, of: subscriber, from: due.cursor)
        }
        return due.events.count < Self.batch ? .delivered : .deliveredSome
    }

    /// The most blocked aggregates that a subscriber may have. With more, its later events wait.
    private static let blockedLimit = 1000

    private func epoch(_ known: Int?) async throws -> Int {
        if let known { return known }
        let now = self.now()
        return try await database.write { try $0.makeEpoch(at: now) }
    }

    private func deliver(
        _ sequences: [[PublishedEvent]], to subscriber: ServiceName, _ epoch: Int
    ) async -> [DeliveryResult] {
        await withTaskGroup(of: DeliveryResult.self) { group in
            var results: [DeliveryResult] = []
            for (count, events) in sequences.enumerated() {
                if count >= Self.atOnce, let result = await group.next() { results.append(result) }
                group.addTask { [self] in await deliver(events, to: subscriber, epoch) }
            }
            for await result in group { results.append(result) }
            return results
        }
    }

    /// Delivers the events about one aggregate in their order, until one fails.
    private func deliver(_ events: [PublishedEvent], to subscriber: ServiceName, _ epoch: Int) async -> DeliveryResult {
        for (at, event) in events.enumerated() {
            do {
                // A former holder of the lease sends nothing more.
                if Task.isCancelled || !lease.isHeld { throw CancellationError() }
                try await deliver(event, to: subscriber, epoch)
                answeredAt.withLock { $0[subscriber] = uptime() }
            } catch is CancellationError {
                return DeliveryResult(events: events, delivered: at, failure: nil)
            } catch {
                let failure = DeliveryFailure(error)
                if failure.kind == .refused { answeredAt.withLock { $0[subscriber] = uptime() } }
                return DeliveryResult(events: events, delivered: at, failure: failure)
            }
        }
        return DeliveryResult(events: events, delivered: events.count, failure: nil)
    }

    private func deliver(_ event: PublishedEvent, to subscriber: ServiceName, _ epoch: Int) async throws {
        guard let client = clients[subscriber] else {
            throw CallError(.cannotConnect, "No address is configured for \(subscriber.rawValue).")
        }
        let command = Command(event.type, pattern: Pattern(event.type), idempotency: .keyed)
        let envelope = EventEnvelope(
            eventId: event.id, type: event.type, occurredAt: event.occurredAt, aggregate: event.aggregate,
            epoch: epoch, version: event.version, data: RawJSON(event.data))
        // The delivery belongs to the trace of what caused the event.
        var surroundings = ServiceContext.current ?? .topLevel
        if let trace = event.trace { surroundings.callMetadata[MetadataName.traceparent] = trace }
        try await ServiceContext.withValue(surroundings) { try await client._request(command, envelope) }
    }

    // MARK: Blocked aggregates and dead letters

    private func retryNext(to subscriber: ServiceName, _ wanted: Set<String>) async throws -> Run {
        guard let token = lease.token else { return .nothing }
        let now = uptime()
        if backoffs.withLock({ $0[subscriber]?.until ?? .zero }) > now { return .subscriberFailed }
        let retries = try await database.read {
            try $0.retries(of: subscriber, limit: Self.batch, blockedLimit: Self.blockedLimit)
        }
        let due = retryAt.withLock { retryAt in
            // Forgets the times of aggregates that go on.
            let known = Set(retries.blocked.map(\.aggregate))
            retryAt[subscriber] = (retryAt[subscriber] ?? [:]).filter { known.contains($0.key) }
            return retries.blocked.filter { (retryAt[subscriber]?[$0.aggregate] ?? .zero) <= now }
        }
        if due.isEmpty, retries.letters.isEmpty { return .nothing }
        let epoch = try await epoch(retries.epoch)
        let isReplayed = try await replay(retries.letters, to: subscriber, epoch, token)
        let runs = await withTaskGroup(of: Run.self) { group in
            for blocked in due.prefix(Self.atOnce) {
                group.addTask { [self] in
                    do {
                        return try await retry(blocked, to: subscriber, wanted, epoch, token)
                    } catch {
                        pause(blocked, subscriber)
                        if error is CancellationError || error is WorkLease.Lost { return .nothing }
                        logger.error("a retry cannot be noted", metadata: ["error": "\(error)"])
                        return .nothing
                    }
                }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
        if isReplayed || runs.contains(where: \.hasDelivered) { return Task.isCancelled ? .nothing : .deliveredSome }
        guard runs.contains(.subscriberFailed) else { return .nothing }
        // It answered nothing, so all of it waits.
        backoffs.withLock { $0[subscriber, default: Backoff()].failed(at: uptime()) }
        return .subscriberFailed
    }

    private func pause(_ blocked: BlockedAggregate, _ subscriber: ServiceName) {
        let until = uptime() + BlockedAggregate.delay(attempts: blocked.attempts)
        retryAt.withLock { $0[subscriber, default: [:]][blocked.aggregate] = until }
    }

    /// Tries a blocked aggregate again. Returns whether the subscriber answered, or nothing when there was nothing to try.
    private func retry(
        _ blocked: BlockedAggregate, to subscriber: ServiceName, _ wanted: Set<String>, _ epoch: Int, _ token: Int
    ) async throws -> Run {
        // The first attempt was that of the run, which waits too.
        if blocked.attempts > 0, retryAt.withLock({ $0[subscriber]?[blocked.aggregate] }) == nil {
            pause(blocked, subscriber)
            return .nothing
        }
        let events = try await database.read { transaction in
            try transaction.events(of: blocked, upTo: try transaction.cursor(of: subscriber), limit: Self.batch)
        }
        let began = uptime()
        let result = await deliver(events.filter { wanted.contains($0.type) }, to: subscriber, epoch)
        if !lease.isHeld { throw WorkLease.Lost() }
        let isAnswering = answeredAt.withLock { $0[subscriber] ?? .zero } > began
        let outcome = blocked.outcome(result, isAnswering: isAnswering)
        if outcome == .unchanged {
            pause(blocked, subscriber)
            return result.failure == nil ? .nothing : .subscriberFailed
        }
        let now = self.now()
        try await database.write { transaction in
            try WorkLease.check(token, in: transaction)
            try transaction.save(outcome, blocked, of: subscriber, wanted: wanted, at: now)
        }
        switch outcome {
        case .blocked(let next):
            note(result, subscriber, attempts: next.attempts)
            pause(next, subscriber)
        case .dead(let event, let attempts, let error):
            logger.warning(
                "an event is a dead letter: see petpro events list",
                metadata: [
                    "type": "\(event.type)", "aggregate": "\(event.aggregate)", "position": "\(event.position)",
                    "subscriber": "\(subscriber.rawValue)", "attempts": "\(attempts)", "error": "\(error)",
                ])
            retryAt.withLock { $0[subscriber, default: [:]][blocked.aggregate] = nil }
        case .done, .unchanged: retryAt.withLock { $0[subscriber, default: [:]][blocked.aggregate] = nil }
        }
        return .delivered
    }

    /// Delivers dead letters once more. Returns whether one was acknowledged or refused.
    private func replay(
        _ letters: [PublishedEvent], to subscriber: ServiceName, _ epoch: Int, _ token: Int
    ) async throws -> Bool {
        var isAnswered = false
        for letter in letters {
            let result = await deliver([letter], to: subscriber, epoch)
            // Not delivered, and not refused: it stays wanted, and so do those after it.
            if !result.isAnswered { break }
            isAnswered = true
            try await database.write { transaction in
                try WorkLease.check(token, in: transaction)
                if let failure = result.failure {
                    try transaction.refuseAgain(letter, of: subscriber, failure.description)
                } else {
                    try transaction.discardDeadLetter(of: subscriber, at: letter.position)
                }
            }
        }
        return isAnswered
    }

    private func note(_ result: DeliveryResult, _ subscriber: ServiceName, attempts: Int) {
        guard let event = result.next, let failure = result.failure else { return }
        logger.log(
            level: attempts == 1 ? .notice : .info, "an event was not acknowledged",
            metadata: [
                "type": "\(event.type)", "aggregate": "\(event.aggregate)", "subscriber": "\(subscriber.rawValue)",
                "attempts": "\(attempts)", "error": "\(failure.description)",
            ])
    }
}

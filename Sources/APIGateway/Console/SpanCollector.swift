import Logging
import NIOCore
import PetProContracts
import PetProRuntime
import Rookery
import Synchronization
import TraceStore

/// Collects the spans of the requests that the console keeps, from this process and over the wire from the others, and stores them.
///
/// It asks for the traces that are kept, and for no others, so that a trace that is not kept costs no message. No call waits for it.
final class SpanCollector: Sendable {
    /// What the collector knows of an instance.
    struct Seen: Sendable, Equatable {
        let service: ServiceName
        let instance: Instance
        /// Why its spans do not come. Nil while they do.
        var problem: String?
    }

    /// An instance, with a client of its own.
    private struct Followed {
        let client: InstanceClient
        /// When it may be asked again, after it did not answer.
        var next: ContinuousClock.Instant
        var seen: Seen
    }

    private let sources: [SpanSource]
    private let board: TraceBoard
    let store: SpanStore
    let intake: SpanIntake
    /// Whether it keeps the messages that instances tell of: in demo mode.
    private let keepsMessages: Bool
    private let clock: any Clock<Duration>
    private let now: @Sendable () -> Instant
    private let logger: Logger
    private let followed = Mutex<[String: Followed]>([:])
    /// How many spans were refused, because they are of one service too many.
    private let refused = Mutex(0)
    /// Spans that wait to be stored.
    private let unstored = Mutex<[OwnedSpan]>([])

    /// How often it looks which requests are to be judged: every 100 ms.
    private static let turn: Duration = .milliseconds(100)
    /// The most requests of a turn.
    private static let most = 256
    /// How many full turns follow each other without a pause.
    private static let mostTurns = 16
    /// How long the collector waits before it asks an instance again that did not answer: 2 s. A frozen instance then delays the
    /// others little.
    private static let pause: Duration = .seconds(2)
    /// How long all questions of a turn to one instance may take: 1 s.
    private static let patience: Duration = .seconds(1)
    /// How often what is too old is deleted: each 600 turns, about a minute.
    private static let pruneTurns = 600
    /// How often spans are stored: each 10 turns, about 1 s. One commit costs as much as many spans.
    private static let storeTurns = 10
    /// How many spans wait to be stored before they are stored at once, and at most after a failure: 4096.
    private static let mostUnstored = 4096
    /// How often all instances are asked, also if nothing happens, to know whether they answer: each 20 turns, about 2 s.
    private static let askTurns = 20

    init(
        _ sources: [SpanSource], board: TraceBoard, store: SpanStore, intake: SpanIntake = SpanIntake(),
        keepsMessages: Bool = false, logger: Logger, clock: any Clock<Duration> = ContinuousClock(),
        now: @escaping @Sendable () -> Instant = { .current() }
    ) {
        self.sources = sources
        self.board = board
        self.store = store
        self.intake = intake
        self.keepsMessages = keepsMessages
        self.logger = logger
        self.clock = clock
        self.now = now
    }

    /// The instances, by service and address.
    var instances: [Seen] {
        followed.withLock { $0.values.map(\.seen) }.sorted {
            ($0.service.rawValue, $0.instance.description) < ($1.service.rawValue, $1.instance.description)
        }
    }

    /// What has an instance misbehave. Nil if there is no such instance.
    func client(of service: ServiceName, at address: String) -> (any FaultAPI)? {
        followed.withLock { $0["\(service.rawValue) \(address)"]?.client.faults }
    }

    /// Collects until the task is cancelled.
    func run() async {
        await restore()
        await withDiscardingTaskGroup { group in
            for source in sources { group.addTask { await self.follow(source) } }
            group.addTask { await self.work() }
        }
        for one in followed.withLock({ Array($0.values) }) { await one.client.close() }
        do {
            // The task that runs this is cancelled, and a cancelled task writes nothing.
            try await Task { try await self.storeWaiting() }.value
        } catch {
            logger.warning("the console's last spans were not stored", metadata: ["error": "\(error)"])
        }
        do { try store.close() } catch {
            logger.warning("the file of the console's spans was not closed", metadata: ["error": "\(error)"])
        }
    }

    private func work() async {
        var isFailing = false
        for turn in 1... {
            // Throws when the task is cancelled, which ends the loop.
            try? await clock.sleep(for: Self.turn)
            if Task.isCancelled { return }
            do {
                // A full turn has more behind it, but what is too old must be deleted too.
                var full = 0
                while full < Self.mostTurns, try await collect() == Self.most { full += 1 }
                if turn % Self.storeTurns == 0 { try await storeWaiting() }
                if turn % Self.askTurns == 0 { _ = await ask([]) }
                if turn % Self.pruneTurns == 0 { try await store.prune(at: now()) }
                isFailing = false
            } catch {
                if Task.isCancelled { return }
                // Once, and not with every turn.
                logger.log(
                    level: isFailing ? .debug : .warning, "the console cannot store spans",
                    metadata: ["error": "\(error)"])
                isFailing = true
            }
        }
    }

    /// Begins the day, counts the requests of flows, judges the requests that are due, and stores their spans and those that other programs
    /// sent. Returns how many it judged.
    private func collect() async throws -> Int {
        board.begin(day: Int(now().milliseconds / 86_400_000))
        // One time for both, so that no request is judged before it is counted.
        let time = NIODeadline.now()
        await countRequests(at: time)
        let due = board.due(Self.most, at: time)
        let received = intake.drain()
        if due.isEmpty, received.isEmpty { return 0 }
        // A client can give many requests one trace, whose spans are read once.
        let own = Dictionary(
            due.filter { !$0.isForeign }.map { ($0.trace, $0) }, uniquingKeysWith: { first, _ in first })
        let others = own.isEmpty ? [] : await ask(Array(own.keys))
        let spans = own.flatMap { board.ownSpans(of: $0.key, $0.value) } + others
        var byTrace = Dictionary(grouping: spans, by: \.record.trace)
        var isRead: Set<String> = []
        var failure: (any Error)?
        let waiting = unstored.withLock { unstored in
            unstored += spans + received
            return unstored.count
        }
        // Programs that send spans may have had a part in a request.
        let hasOthers = intake.taken > 0 || due.contains(where: \.isForeign)
        do {
            if hasOthers || waiting > Self.mostUnstored { try await storeWaiting() }
            tell(received)
        } catch {
            failure = error
        }
        for request in due {
            let trace = request.trace
            if failure == nil, hasOthers, isRead.insert(trace).inserted {
                do {
                    let stored = try await store.spans(of: trace)
                    if !stored.isEmpty { byTrace[trace] = stored }
                } catch {
                    failure = error
                }
            }
            // Without the store, what was seen is shown all the same, and is gone after a restart.
            board.judge(request, byTrace[trace] ?? [])
        }
        if let failure { throw failure }
        return due.count
    }

    /// Asks the instances for the outlines of the requests of flows that are due, and counts these requests. The others wait for the next
    /// turn if there are very many, or if an instance is slow.
    private func countRequests(at time: NIODeadline) async {
        let end = ContinuousClock.now + Self.patience
        for _ in 0..<Self.mostTurns where ContinuousClock.now < end {
            let due = board.takeUncounted(ReadOutlines.limit, at: time)
            if due.isEmpty { return }
            let traces = due.map { TraceID(id: $0.request.traceID) }
            let answers: [(service: String, outlines: [Int])] = await ask { one, answers in
                do {
                    let batch = try await one.client.telemetry.readOutlines(ReadOutlines(traces: traces))
                    guard batch.outlines.count == traces.count else { return }
                    answers.append((one.seen.service.rawValue, batch.outlines))
                } catch  where Self.isOlder(error) {
                    // It may tell its spans.
                }
            }
            for (at, request) in due.enumerated() {
                let others = answers.filter { $0.outlines[at] != 0 }
                board.count(
                    request, others.map { ($0.service, UInt64(truncatingIfNeeded: $0.outlines[at])) }, at: time)
            }
        }
    }

    /// Whether the instance, or the gateway's key, is of a version without `read-outlines`.
    private static func isOlder(_ error: any Error) -> Bool {
        (error as? CallError)?.code == .noHandler || (error as? RemoteError)?.code == .serviceForbidden
    }

    /// Stores the spans that wait for it. If that fails, they wait again, at most ``mostUnstored``.
    private func storeWaiting() async throws {
        let spans = unstored.withLock { unstored in
            defer { unstored = [] }
            return unstored
        }
        do {
            noteRefused(try await store.add(spans, at: now()) { Self.beginsRequest($0) })
        } catch {
            unstored.withLock { $0 = Array((spans + $0).suffix(Self.mostUnstored)) }
            throw error
        }
    }

    /// Has the board judge requests of other programs: those whose caller is not known, at most
    /// ``TraceBoard/foreignRequests`` a second.
    private func tell(_ received: [OwnedSpan]) {
        let known = Set(received.map { $0.record.trace + $0.record.id })
        for span in received {
            let isCalled = span.record.parent.map { known.contains(span.record.trace + $0) } ?? false
            let isEntry = span.record.kind == .handling || span.record.kind == .request
            guard !isCalled, isEntry || span.record.parent == nil else { continue }
            if let id = UInt64(span.record.id, radix: 16) { board.told(span.record.trace, id) }
        }
    }

    private func noteRefused(_ count: Int) {
        let isNew = refused.withLock { refused in
            defer { refused += count }
            return refused == 0 && count > 0
        }
        guard isNew else { return }
        logger.warning(
            "the console refuses spans of further services: it keeps those of \(SpanStore.services)",
            metadata: ["count": "\(count)"])
    }

    /// Whether a span is the first one that is known of a request.
    private static func beginsRequest(_ span: OwnedSpan) -> Bool {
        span.owner == OwnedSpan.gateway && span.record.kind == .request || span.record.parent == nil
    }

    /// The spans of a trace, also those that have ended since it was judged. Without the store, those that the processes still have.
    func spans(of trace: String) async -> [OwnedSpan] {
        let late = board.ownSpans(of: trace) + (await ask([trace]))
        do {
            try await storeWaiting()
            _ = try await store.add(late, at: now()) { Self.beginsRequest($0) }
            return try await store.spans(of: trace)
        } catch {
            logger.debug("the console cannot store spans", metadata: ["error": "\(error)"])
            return late
        }
    }

    /// Shows the requests of an earlier run of this gateway.
    private func restore() async {
        do {
            try await store.prune(at: now())
            var entries: [TraceBoard.Entry] = []
            var last: (trace: String, spans: [OwnedSpan]) = ("", [])
            for request in try await store.newestRequests(TraceBoard.kept) {
                if last.trace != request.trace { last = (request.trace, try await store.spans(of: request.trace)) }
                let spans = last.spans
                guard let id = UInt64(request.span, radix: 16),
                    let own = spans.first(where: { $0.record.id == request.span })
                else { continue }
                let isForeign = own.owner != OwnedSpan.gateway
                board.entry(of: id, in: request.trace, spans, isForeign: isForeign).map { entries.append($0) }
            }
            board.restore(entries)
        } catch {
            logger.warning("the requests of the last hour cannot be read", metadata: ["error": "\(error)"])
        }
    }

    // MARK: Instances

    /// Asks all instances for their spans of some traces. Without traces, it only finds out whether they answer.
    private func ask(_ traces: [String]) async -> [OwnedSpan] {
        let spans = await ask { one, spans in
            let end = ContinuousClock.now + Self.patience
            for at in stride(from: 0, to: max(1, traces.count), by: ReadSpans.limit) {
                // One that is slow must not hold up the others either.
                if ContinuousClock.now > end { throw RemoteError(.overloaded, "it answers slowly") }
                let some = traces[at..<min(at + ReadSpans.limit, traces.count)]
                let batch = try await one.client.telemetry.readSpans(ReadSpans(traces: some.map { TraceID(id: $0) }))
                let wanted = Set(some)
                // A service that lies can add nothing to other traces, and no more than the limit.
                spans += batch.spans.prefix(SpanBatch.limit).filter { wanted.contains($0.trace) }
                    .map { OwnedSpan(owner: one.seen.service.rawValue, record: $0) }
            }
        }
        return spans.compactMap { span in
            guard let seen = SeenSpan(span) else { return nil }
            var record = span.record
            (record.message, record.reply) = keepsMessages ? (seen.message, seen.reply) : (nil, nil)
            return OwnedSpan(owner: span.owner, record: record)
        }
    }

    /// Asks all instances at once, except those that did not answer shortly before. Returns their answers, also those that came before an
    /// instance failed.
    private func ask<Answer: Sendable>(
        _ question: @escaping @Sendable (Followed, inout [Answer]) async throws -> Void
    ) async -> [Answer] {
        let now = ContinuousClock.now
        // Without other processes, this one has all spans.
        let asked = board.collects ? followed.withLock { $0.filter { $0.value.next <= now } } : [:]
        if asked.isEmpty { return [] }
        return await withTaskGroup(of: [Answer].self) { group in
            for (key, one) in asked {
                group.addTask {
                    var answers: [Answer] = []
                    do {
                        try await question(one, &answers)
                        self.note(key, nil)
                    } catch {
                        if !Task.isCancelled { self.note(key, Self.reason(error)) }
                    }
                    return answers
                }
            }
            return await group.reduce(into: []) { $0 += $1 }
        }
    }

    /// What is wrong, with the next step where there is one.
    private static func reason(_ error: any Error) -> String {
        switch (error as? RemoteError)?.code {
        case .serviceForbidden?:
            "the gateway's key does not allow the console's commands; `petpro keys create gateway` makes one that does"
        default:
            (error as? CallError)?.code == .noHandler ? "it keeps no spans: start it with --console" : "\(error)"
        }
    }

    private func note(_ key: String, _ problem: String?) {
        let isNew = followed.withLock { followed in
            // It was removed meanwhile.
            guard let before = followed[key]?.seen else { return false }
            followed[key]?.seen.problem = problem
            if problem != nil { followed[key]?.next = .now + Self.pause }
            return before.problem != problem
        }
        guard isNew, let problem else { return }
        logger.notice(
            "the console gets no spans from an instance", metadata: ["instance": "\(key)", "reason": "\(problem)"])
    }

    /// Follows the instances of a service, those that come later too.
    private func follow(_ source: SpanSource) async {
        await change(source, to: source.discovery.initial)
        do {
            try await source.discovery.watch { await change(source, to: $0) }
        } catch {
            if Task.isCancelled { return }
            // The list stays as it was.
            logger.warning(
                "the instances cannot be followed",
                metadata: ["service": "\(source.service.rawValue)", "error": "\(error)"])
        }
    }

    private func change(_ source: SpanSource, to instances: [Instance]) async {
        func key(_ instance: Instance) -> String { "\(source.service.rawValue) \(instance)" }
        let gone = followed.withLock { followed in
            let gone = followed.filter {
                $0.value.seen.service == source.service && !instances.contains($0.value.seen.instance)
            }
            for name in gone.keys { followed[name] = nil }
            return Array(gone.values)
        }
        for one in gone { await one.client.close() }
        for instance in instances where followed.withLock({ $0[key(instance)] == nil }) {
            do {
                let followed = Followed(
                    client: try source.connect(instance), next: .now,
                    seen: Seen(service: source.service, instance: instance))
                self.followed.withLock { $0[key(instance)] = followed }
            } catch {
                logger.warning(
                    "the console cannot ask an instance",
                    metadata: ["instance": "\(key(instance))", "error": "\(error)"])
            }
        }
    }
}

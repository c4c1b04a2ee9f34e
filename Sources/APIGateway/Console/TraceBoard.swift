import DequeModule
import PetProContracts
import Rookery
import SequenceDiagrams
import Synchronization

/// The last requests of this gateway as the console shows them, and how often each way of the flows was taken.
///
/// Bounded: it keeps ``kept`` requests, and each watcher is at most ``buffered`` behind. Without a tracer that keeps spans there is no
/// board, and requests cost nothing for it.
final class TraceBoard: Sendable {
    /// How many requests it keeps: 500.
    static let kept = 500
    /// How many requests a watcher may be behind: 256. It misses the ones after that.
    static let buffered = 256
    /// How many may watch at once: 16.
    static let watcherLimit = 16

    /// A request, with what it was judged to be.
    struct Entry: Sendable {
        let trace: ObservedTrace
        let verdict: FlowVerdict
        /// Whether spans of other processes are missing, so that the verdict means nothing.
        var isIncomplete = false
    }

    private struct State {
        var entries: Deque<Entry> = []
        var counts: [String: [[String]: Int]] = [:]
        var strays: [String: Int] = [:]
        var watchers: [Int: AsyncStream<JSONValue>.Continuation] = [:]
        var nextID = 0
        var isStopped = false
        /// Requests that have ended, and wait for the spans of other processes, with the time of their end.
        var pending: Deque<(request: Traceparent, endedAt: ContinuousClock.Instant)> = []
        /// How many requests were not judged, because too many waited.
        var left = 0
    }

    private let tracer: BoundedTracer
    /// The flows that requests are held against.
    let flows: [Flow]
    private let collects: Bool
    private let state = Mutex(State())
    /// The spans of other processes. A lock of its own, so that no request waits while spans are put away.
    private let rings = Mutex<[ServiceName: SpanRing]>([:])
    /// The most requests that wait to be judged: 16 384, of some 40 000 a second.
    private static let pendingLimit = 16_384
    /// The most spans of a batch that are taken.
    private static let batchLimit = 512

    /// How long a request waits for the spans of other processes: 400 ms, several times as long as they usually take.
    private static let patience: Duration = .milliseconds(400)

    /// Makes an empty board. If it `collects`, other processes have spans too, and ``judge(clock:)`` must run.
    init(_ tracer: BoundedTracer, flows: [Flow], collects: Bool = false) {
        self.tracer = tracer
        self.flows = flows
        self.collects = collects
    }

    /// Notes a request that has ended. `request` is the identity of its span.
    func ended(_ request: Traceparent) {
        guard collects else { return judge(request, []) }
        state.withLock { state in
            guard state.pending.count < Self.pendingLimit else { return state.left += 1 }
            state.pending.append((request, .now))
        }
    }

    /// How many requests were not judged, because too many came at once.
    var left: Int { state.withLock { $0.left } }

    /// Whether a request of a trace has ended and is not judged yet.
    func isPending(_ id: String) -> Bool {
        state.withLock { $0.pending.contains { $0.request.traceID == id } }
    }

    /// Takes spans of another process of a service.
    func collect(_ spans: [SpanRecord], of service: ServiceName) {
        rings.withLock { rings in
            for span in spans.prefix(Self.batchLimit) { rings[service, default: SpanRing()].add(span) }
        }
    }

    /// Judges the requests that have waited long enough, until the task is cancelled.
    func judge(clock: any Clock<Duration>) async {
        while !Task.isCancelled {
            // Throws when the task is cancelled, which ends the loop.
            try? await clock.sleep(for: .milliseconds(50))
            judgePending(endedBefore: .now - Self.patience)
        }
    }

    func judgePending(endedBefore time: ContinuousClock.Instant) {
        while true {
            let due = state.withLock { state -> Traceparent? in
                guard let first = state.pending.first, first.endedAt < time else { return nil }
                state.pending.removeFirst()
                return first.request
            }
            guard let due else { return }
            let id = due.traceID
            judge(due, rings.withLock { rings in rings.values.flatMap { $0[id] } })
        }
    }

    private func judge(_ request: Traceparent, _ others: [SeenSpan]) {
        let spans = tracer.spans(of: request)
        guard let trace = ObservedTrace(spans, others, of: request) else { return }
        let entry = Entry(
            trace: trace, verdict: FlowVerdict(trace.sequence, operation: trace.operation, flows: flows),
            isIncomplete: collects && ObservedTrace.isIncomplete(spans, others))
        let watchers = state.withLock { state in
            state.entries.append(entry)
            if state.entries.count > Self.kept { state.entries.removeFirst() }
            switch entry.verdict {
            case _ where entry.isIncomplete: break
            case .follows(let flow, let branches): state.counts[flow, default: [:]][branches, default: 0] += 1
            case .differs(let flow, _, _, _): state.strays[flow, default: 0] += 1
            case .unknown: break
            }
            return Array(state.watchers.values)
        }
        if watchers.isEmpty { return }
        let summary = ConsoleJSON.summary(entry)
        for watcher in watchers { watcher.yield(summary) }
    }

    /// The requests, the newest first, at most `limit`.
    func newest(_ limit: Int) -> [Entry] { state.withLock { Array($0.entries.suffix(limit).reversed()) } }

    /// The newest request of a trace. Nil if it is not kept.
    func entry(_ id: String) -> Entry? { state.withLock { $0.entries.last { $0.trace.id == id } } }

    /// How often each way of a flow was taken, by its branches, and how often none was.
    func counts(of flow: String) -> (ways: [[String]: Int], strays: Int) {
        state.withLock { ($0.counts[flow] ?? [:], $0.strays[flow] ?? 0) }
    }

    /// The requests that end from now on, and what ends the watch. Ending the iteration does too. Throws a 429 when there are too many
    /// watches.
    func watch() throws -> (requests: AsyncStream<JSONValue>, end: @Sendable () -> Void) {
        let (requests, continuation) = AsyncStream.makeStream(
            of: JSONValue.self, bufferingPolicy: .bufferingOldest(Self.buffered))
        let id: Int? = try state.withLock { state in
            if state.isStopped { return nil }
            guard state.watchers.count < Self.watcherLimit else {
                throw Problem.tooManyStreams("watches of the console")
            }
            state.nextID += 1
            state.watchers[state.nextID] = continuation
            return state.nextID
        }
        if let id {
            continuation.onTermination = { [weak self] _ in self?.forget(id) }
        } else {
            continuation.finish()
        }
        return (requests, { continuation.finish() })
    }

    /// Ends all watches, because the HTTP server does not stop while it sends streams.
    func stop() {
        let watchers = state.withLock { state in
            state.isStopped = true
            return Array(state.watchers.values)
        }
        for watcher in watchers { watcher.finish() }
    }

    private func forget(_ id: Int) { state.withLock { _ = $0.watchers.removeValue(forKey: id) } }
}

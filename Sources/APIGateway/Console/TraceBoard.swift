import DequeModule
import NIOCore
import PetProContracts
import Rookery
import SequenceDiagrams
import Synchronization
import TraceStore

/// The last requests of this gateway as the console shows them, and how often each way of the flows was taken.
///
/// Bounded: it keeps ``kept`` requests, and each watcher is at most ``buffered`` behind. Without a tracer that keeps spans there is no
/// board, and requests cost nothing for it.
final class TraceBoard: Sendable {
    /// How many requests it keeps: 500.
    static let kept = 500
    /// How many calls of a request it keeps: 200. The spans are stored.
    static let keptCalls = 200
    /// How many requests of one trace may wait to be judged: 8. A client can give many requests one trace.
    static let pendingOfTrace = 8
    /// How many of them other programs told of: 100. They displace only each other.
    static let keptForeign = 100
    /// How many requests a second are kept of those that other programs tell of: 20.
    static let foreignRequests = 20
    /// How many requests a watcher may be behind: 256. It misses the ones after that.
    static let buffered = 256
    /// How many may watch at once: 16, of whom half may be one reader's.
    static let watcherLimit = 16

    /// A request, with what it was judged to be.
    struct Entry: Sendable {
        let trace: ObservedTrace
        let verdict: FlowVerdict
        /// Whether spans of other processes are missing, so that the verdict means nothing.
        var isIncomplete = false
        /// The id of the request's own span.
        var span: UInt64 = 0
        /// Whether another program told of it.
        var isForeign = false
    }

    /// A request that has ended, and is not judged yet.
    struct Pending: Sendable {
        let trace: String
        let span: UInt64
        /// Whether another program told of it.
        let isForeign: Bool
        let due: NIODeadline
        /// The spans that this process had at its end. Under load, the tracer may have forgotten them when it is due.
        var own: [BoundedSpan] = []
        /// The outline that ``FlowCounts`` knows the request by. Nil if its operation begins no flow, if it is foreign, or until other
        /// processes have told their outlines.
        var outline: UInt64?
        /// The services whose outlines are in it. Nil if this process sees all of them.
        var answered: Set<String>?

        /// Whether the outline has all services of which there are spans now. A service may have told its spans only.
        func isWhole(_ spans: [OwnedSpan]) -> Bool {
            guard let answered else { return true }
            return spans.allSatisfy { span in
                span.record.kind != .handling || span.owner == OwnedSpan.gateway || answered.contains(span.owner)
                    || !OwnedSpan.isOfPlatform(span.owner) || EventType(rawValue: span.record.name) != nil
            }
        }
    }

    /// A request of a flow that is counted when the outlines of other processes are known.
    struct Uncounted: Sendable {
        let request: Traceparent
        /// The outline of this process.
        let outline: UInt64
        /// Whether the trace began with it.
        let isOwn: Bool
        let isKept: Bool
        let due: NIODeadline
    }

    private struct State {
        var entries: Deque<Entry> = []
        var counts = FlowCounts()
        var uncounted: Deque<Uncounted> = []
        var watchers: [Int: (actor: String, requests: AsyncStream<JSONValue>.Continuation)] = [:]
        var nextID = 0
        var isStopped = false
        var pending: Deque<Pending> = []
        var sampling: TraceSampling
        /// Of the requests that other programs tell of.
        var foreign = Allowance(perSecond: TraceBoard.foreignRequests)
        /// How many requests were not kept.
        var left = 0

        /// Whether one more request of a trace may wait.
        func hasRoom(for trace: String) -> Bool {
            pending.count < TraceBoard.pendingLimit
                && pending.count(where: { $0.trace == trace }) < TraceBoard.pendingOfTrace
        }
    }

    private let tracer: BoundedTracer
    /// The flows that requests are held against.
    let flows: [Flow]
    /// Whether other processes have spans too.
    let collects: Bool
    private let state: Mutex<State>
    /// The most requests that wait to be judged, and that wait to be counted: 4096.
    private static let pendingLimit = 4096

    /// How long a request waits for the spans that other processes are still ending: 150 ms.
    private static let patience: TimeAmount = .milliseconds(150)
    /// How long a request that another program told of waits for its other spans: 3 s. Programs send spans every few seconds.
    private static let foreignPatience: TimeAmount = .seconds(3)

    /// Makes an empty board.
    init(_ tracer: BoundedTracer, flows: [Flow], sampling: TraceSampling, collects: Bool = false) {
        self.tracer = tracer
        self.flows = flows
        self.collects = collects
        state = Mutex(State(sampling: sampling))
    }

    /// Notes a request that has ended, with its status. `request` is the identity of its span, and `isOwn` says that its trace began with
    /// it. `flow` has the number of the flow that its operation begins, and the outline of the request, nil if that is not known; `flow`
    /// is nil if the operation begins none. `took` is how long it took, and `now` when it ended. No request waits for more than a lock.
    func ended(
        _ request: Traceparent, isOwn: Bool, flow: (number: Int, outline: TraceOutline?)?, status: Int,
        took: TimeAmount, at now: NIODeadline = .now()
    ) {
        let isForgotten = state.withLock { state -> Bool in
            // Other processes have one outline for all requests of a trace.
            let outline = flow.flatMap { flow in
                flow.outline.flatMap {
                    collects && $0.isShared ? nil : FlowCounts.outline($0, status, of: flow.number)
                }
            }
            var isNew = false
            if let outline, !collects { isNew = state.counts.count(outline) }
            if flow != nil, outline == nil { state.counts.countUnjudged() }
            let isKept =
                (state.sampling.keeps(status: status, took: took, at: now)
                    || isNew && state.sampling.keepsNew(at: now)) && state.hasRoom(for: request.traceID)
            let due = collects ? now + Self.patience : now
            if isKept {
                state.pending.append(
                    Pending(
                        trace: request.traceID, span: request.id, isForeign: false, due: due,
                        own: tracer.spans(of: request), outline: collects ? nil : outline))
                if let outline, !collects { state.counts.noteAwaited(outline) }
            } else {
                state.left += 1
            }
            guard let outline, collects else { return !isKept }
            if state.uncounted.count >= Self.pendingLimit {
                state.counts.countUnjudged()
                return !isKept
            }
            state.uncounted.append(
                Uncounted(request: request, outline: outline, isOwn: isOwn, isKept: isKept, due: due))
            return false
        }
        // Other requests may be under way in a trace that a client has chosen.
        if isForgotten, isOwn { tracer.drop(request) }
    }

    /// The requests whose outlines other processes have by now, at most `limit`. They are counted next, or never.
    func takeUncounted(_ limit: Int, at now: NIODeadline = .now()) -> [Uncounted] {
        state.withLock { state in
            let due = Array(state.uncounted.prefix { $0.due <= now }.prefix(limit))
            state.uncounted.removeFirst(due.count)
            return due
        }
    }

    /// Counts a request of a flow. `others` are the outlines of other processes, in any order, with the services that they are of. Keeps
    /// the request if its outline is not judged, and if the sampling and the limits allow it.
    func count(_ request: Uncounted, _ others: [(service: String, outline: UInt64)], at now: NIODeadline = .now()) {
        let identity = request.request
        // The client knows the trace since its answer, and may have continued it.
        guard let latest = tracer.outline(of: identity.traceID), !latest.isShared else {
            return state.withLock { $0.counts.countUnjudged() }
        }
        let outline = FlowCounts.outline(request.outline, with: others.map(\.outline))
        let answered = Set(others.map(\.service))
        let isForgotten = state.withLock { state in
            let isNew = state.counts.count(outline)
            if request.isKept {
                let at = state.pending.firstIndex { $0.span == identity.id && $0.trace == identity.traceID }
                guard let at else { return false }
                (state.pending[at].outline, state.pending[at].answered) = (outline, answered)
                state.counts.noteAwaited(outline)
                return false
            }
            guard isNew, state.sampling.keepsNew(at: now), state.hasRoom(for: identity.traceID) else { return true }
            state.left -= 1
            state.counts.noteAwaited(outline)
            state.pending.append(
                Pending(
                    trace: identity.traceID, span: identity.id, isForeign: false, due: now,
                    own: tracer.spans(of: identity), outline: outline, answered: answered))
            return false
        }
        if isForgotten, request.isOwn { tracer.drop(identity) }
    }

    /// Begins a day of the counts, in days since 1970 (UTC).
    func begin(day: Int) { state.withLock { $0.counts.begin(day: day) } }

    /// Notes a request that another program told of. Further ones of a second are left out, and so is one that is known.
    func told(_ trace: String, _ span: UInt64) {
        let now = NIODeadline.now()
        state.withLock { state in
            // First, because in a flood it costs the least.
            guard state.foreign.take(at: now), state.hasRoom(for: trace) else { return }
            let isKnown =
                state.entries.contains { $0.span == span && $0.trace.id == trace }
                || state.pending.contains { $0.span == span && $0.trace == trace }
            if isKnown { return }
            state.pending.append(
                Pending(trace: trace, span: span, isForeign: true, due: now + Self.foreignPatience))
        }
    }

    /// How many requests were not kept, because of the sampling or because too many came at once.
    var left: Int { state.withLock { $0.left } }

    /// Whether a request of a trace has ended and is not judged yet.
    func isPending(_ id: String) -> Bool { state.withLock { $0.pending.contains { $0.trace == id } } }

    /// The requests that have waited long enough, at most `limit`. They stay pending until they are judged.
    func due(_ limit: Int, at now: NIODeadline = .now()) -> [Pending] {
        state.withLock { state in Array(state.pending.lazy.filter { $0.due <= now }.prefix(limit)) }
    }

    /// The spans that this process has of a trace, or had at the end of a request.
    func ownSpans(of trace: String, _ request: Pending? = nil) -> [OwnedSpan] {
        let now = tracer.spans(of: trace)
        let known = Set(now.map(\.id))
        let spans = now + (request?.own ?? []).filter { !known.contains($0.id) }
        let records = spans.sorted { $0.start < $1.start }.compactMap { SpanRecord($0) }
        return collects
            ? records.map { OwnedSpan(owner: OwnedSpan.gateway, record: $0) } : OwnedSpan.ofThisProcess(records)
    }

    /// Judges a request by the spans of its trace. It is pending no more.
    func judge(_ request: Pending, _ spans: [OwnedSpan]) {
        // What someone known called is no request of its own.
        let isCalled = request.isForeign && Self.isCalled(request.span, in: spans)
        let entry = isCalled ? nil : entry(of: request.span, in: request.trace, spans, isForeign: request.isForeign)
        let watchers = state.withLock { state -> [AsyncStream<JSONValue>.Continuation] in
            state.pending.removeAll { $0.span == request.span && $0.trace == request.trace }
            if let outline = request.outline {
                let isKnown = request.isWhole(spans) && entry?.isIncomplete == false
                state.counts.judge(outline, isKnown ? entry?.verdict : nil)
            }
            guard let entry else { return [] }
            state.entries.append(entry)
            Self.trim(&state.entries)
            return state.watchers.values.map(\.requests)
        }
        guard let entry, !watchers.isEmpty else { return }
        let summary = ConsoleJSON.summary(entry)
        for watcher in watchers { watcher.yield(summary) }
    }

    private static func trim(_ entries: inout Deque<Entry>) {
        if entries.count(where: \.isForeign) > keptForeign, let oldest = entries.firstIndex(where: \.isForeign) {
            entries.remove(at: oldest)
        }
        while entries.count > kept { entries.removeFirst() }
    }

    private static func isCalled(_ span: UInt64, in spans: [OwnedSpan]) -> Bool {
        guard let own = spans.first(where: { UInt64($0.record.id, radix: 16) == span })?.record else { return false }
        return own.parent.map { parent in spans.contains { $0.record.id == parent } } ?? false
    }

    /// Takes requests of an earlier run of the gateway, the oldest first. They count for no flow.
    func restore(_ entries: [Entry]) {
        state.withLock { state in
            state.entries = Deque(entries + state.entries)
            while state.entries.count > Self.kept { state.entries.removeFirst() }
        }
    }

    /// Reads a request out of the spans of its trace. Nil if its own span is not among them.
    func entry(of span: UInt64, in trace: String, _ spans: [OwnedSpan], isForeign: Bool) -> Entry? {
        let seen = Self.seen(spans)
        guard let observed = ObservedTrace(seen, of: span, trace: trace) else { return nil }
        return Entry(
            trace: observed.trimmed(to: Self.keptCalls),
            verdict: isForeign ? .unknown : FlowVerdict(observed.sequence, operation: observed.operation, flows: flows),
            isIncomplete: collects && !isForeign && ObservedTrace.isIncomplete(seen), span: span, isForeign: isForeign)
    }

    /// The spans, without those of other programs that have the id of one of the platform's own: a program that was called knows ids of
    /// its callers, and must not speak for them.
    private static func seen(_ spans: [OwnedSpan]) -> [SeenSpan] {
        let own = Set(spans.lazy.filter { OwnedSpan.isOfPlatform($0.owner) }.map(\.record.id))
        return spans.lazy.filter { OwnedSpan.isOfPlatform($0.owner) || !own.contains($0.record.id) }
            .compactMap { SeenSpan($0) }
    }

    /// A request with everything that the spans of its trace have above it too.
    func origin(of entry: Entry, in spans: [OwnedSpan]) -> ObservedTrace {
        let seen = Self.seen(spans)
        let top = ObservedTrace.origin(of: entry.span, in: seen)
        return ObservedTrace(seen, of: top, trace: entry.trace.id) ?? entry.trace
    }

    /// The requests, the newest first, at most `limit`.
    func newest(_ limit: Int) -> [Entry] { state.withLock { Array($0.entries.suffix(limit).reversed()) } }

    /// The newest request of a trace, of this gateway if there is one. Nil if it is not kept.
    func entry(_ id: String) -> Entry? {
        state.withLock { state in
            let found = state.entries.filter { $0.trace.id == id }
            return found.last { !$0.isForeign } ?? found.last
        }
    }

    /// The request of a trace whose spans are still stored, when the request itself is kept no more.
    func entry(_ id: String, stored spans: [OwnedSpan]) -> Entry? {
        let requests = spans.filter { $0.owner == OwnedSpan.gateway && $0.record.kind == .request }
        let first =
            requests.last
            ?? spans.first { one in
                !spans.contains { $0.record.id == one.record.parent }
            }
        guard let first, let span = UInt64(first.record.id, radix: 16) else { return nil }
        // The services still know their part of a request that the gateway has not kept.
        if OwnedSpan.isOfPlatform(first.owner), first.owner != OwnedSpan.gateway, first.record.parent != nil {
            return nil
        }
        return entry(of: span, in: id, spans, isForeign: first.owner != OwnedSpan.gateway)
    }

    /// How often requests took each way of the flows today.
    var counts: FlowCounts { state.withLock { $0.counts } }

    /// The requests that end from now on, and what ends the watch. Ending the iteration does too. Throws a 429 when there are too many
    /// watches, or too many of one reader.
    func watch(by actor: String) throws -> (requests: AsyncStream<JSONValue>, end: @Sendable () -> Void) {
        let (requests, continuation) = AsyncStream.makeStream(
            of: JSONValue.self, bufferingPolicy: .bufferingOldest(Self.buffered))
        let id: Int? = try state.withLock { state in
            if state.isStopped { return nil }
            let own = state.watchers.values.count { $0.actor == actor }
            guard state.watchers.count < Self.watcherLimit, own < Self.watcherLimit / 2 else {
                throw Problem.tooManyStreams("watches of the console")
            }
            state.nextID += 1
            state.watchers[state.nextID] = (actor, continuation)
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
            return state.watchers.values.map(\.requests)
        }
        for watcher in watchers { watcher.finish() }
    }

    private func forget(_ id: Int) { state.withLock { _ = $0.watchers.removeValue(forKey: id) } }
}

import DequeModule
import NIOCore
import Synchronization
package import Tracing

/// A tracer that keeps the spans of the last traces in memory, and continues traces by W3C `traceparent`. For demonstrations
/// and for tools that inspect a running process. Its memory is bounded, whatever peers send.
package final class BoundedTracer: Tracer {
    package typealias Span = BoundedSpan

    private struct ID: Hashable {
        let high: UInt64
        let low: UInt64

        init(_ trace: (high: UInt64, low: UInt64)) {
            high = trace.high
            low = trace.low
        }
    }

    private struct State {
        var traces: [ID: (trace: Trace, number: UInt64)] = [:]
        /// The traces, the oldest first, by their numbers. Those that were dropped are still here, so that dropping needs no search.
        var order: Deque<(id: ID, number: UInt64)> = []
        var nextNumber: UInt64 = 0
        /// The second in which it last kept the messages of a new trace, and of how many traces in that second.
        var messages = (second: UInt64(0), traces: 0)
        /// The offset of NIO's clock to the time since 1970, in nanoseconds, and when it was read.
        var clock = (offset: UInt64(0), readAt: NIODeadline.distantPast)
    }

    private let traceLimit: Int
    private let spanLimit: Int
    private let messageLimit: Int
    private let state = Mutex(State())
    private let watches = SpanWatches()

    /// How many new traces of a second keep their messages: 50. Under load, reading all of them would cost more than the calls.
    package static let messageTraces = 50

    /// Keeps the last `traces` traces, by default 256, and of each the first `spans` spans, by default 128, at most 32 767. Of the first `messages`
    /// calls of a trace it also keeps the messages, redacted by ``Redaction``, for at most ``messageTraces`` traces a second; by
    /// default of none, because reading them costs time.
    package init(traces: Int = 256, spans: Int = 128, messages: Int = 0) {
        traceLimit = max(1, traces)
        spanLimit = min(max(1, spans), Trace.mostEntries)
        messageLimit = max(0, messages)
    }

    /// Whether it keeps messages of calls.
    var keepsMessages: Bool { messageLimit > 0 }

    deinit { state.withLock { $0.traces.values.forEach { $0.trace.forget() } } }

    /// Returns the ended spans of a trace, sorted by start.
    package func spans(of traceID: String) -> [BoundedSpan] {
        (Traceparent.trace(traceID).map(spans) ?? []).sorted { $0.start < $1.start }
    }

    /// Returns the ended spans of a trace, sorted by end.
    package func spans(of trace: Traceparent) -> [BoundedSpan] { spans(trace.trace) }

    private func spans(_ trace: (high: UInt64, low: UInt64)) -> [BoundedSpan] {
        kept(trace)?.spans ?? []
    }

    private func kept(_ trace: (high: UInt64, low: UInt64)) -> Trace? { state.withLock { $0.traces[ID(trace)]?.trace } }

    /// The outline of all that others asked this process for in a trace. Nil if the tracer
    /// does not have the trace, or not with all its spans, or if requests of it overlapped.
    package func outline(of traceID: String) -> TraceOutline? { Traceparent.trace(traceID).flatMap(kept)?.outline() }

    /// Forgets a trace that no reader will ask for. The next trace gets its memory while that is still in the core's cache. Watches are
    /// told of the spans that end later.
    package func drop(_ trace: Traceparent) {
        let id = ID(trace.trace)
        state.withLock { $0.traces.removeValue(forKey: id) }?.trace.forget()
    }

    /// The number of spans that it keeps.
    package var count: Int { state.withLock { Array($0.traces.values) }.reduce(0) { $0 + $1.trace.spans.count } }

    private func trace(_ trace: (high: UInt64, low: UInt64), at now: NIODeadline) -> Trace {
        let id = ID(trace)
        let (trace, oldest) = state.withLock { state -> (Trace, Trace?) in
            if let known = state.traces[id] { return (known.trace, nil) }
            return add(trace, &state, at: now)
        }
        oldest?.forget()
        return trace
    }

    private func newTrace(at now: NIODeadline) -> Trace {
        let id = Traceparent.random().trace
        let (trace, oldest) = state.withLock { add(id, &$0, at: now) }
        oldest?.forget()
        return trace
    }

    /// Adds a trace. Returns the one that it replaces too, or the oldest one if there is no more room for that.
    private func add(
        _ trace: (high: UInt64, low: UInt64), _ state: inout State, at now: NIODeadline
    ) -> (added: Trace, oldest: Trace?) {
        let id = ID(trace)
        let trace = Trace(
            trace, limit: spanLimit, messages: keepsMessages ? takeMessages(&state, at: now) : 0,
            clockOffset: clockOffset(&state, at: now), watches)
        state.nextNumber += 1
        // A client may have sent the id before, if it can tell the next random one.
        let replaced = state.traces.updateValue((trace, state.nextNumber), forKey: id)
        state.order.append((id, state.nextNumber))
        return (trace, replaced?.trace ?? removeOldest(&state))
    }

    /// Removes the oldest trace if there are more than `traceLimit`. Once `order` is twice as long, also removes the dropped traces from
    /// it.
    private func removeOldest(_ state: inout State) -> Trace? {
        let mostInOrder = 2 * traceLimit
        if state.order.count > mostInOrder {
            let traces = state.traces
            state.order.removeAll { traces[$0.id]?.number != $0.number }
        }
        guard state.traces.count > traceLimit else { return nil }
        while let (id, number) = state.order.popFirst() {
            if state.traces[id]?.number == number { return state.traces.removeValue(forKey: id)?.trace }
        }
        return nil
    }

    /// Of how many calls a new trace keeps the messages.
    private func takeMessages(_ state: inout State, at now: NIODeadline) -> Int {
        let second = now.uptimeNanoseconds / 1_000_000_000
        if second > state.messages.second { state.messages = (second, 0) }
        guard state.messages.traces < Self.messageTraces else { return 0 }
        state.messages.traces += 1
        return messageLimit
    }

    /// Returns the offset of NIO's clock to the time since 1970, and reads it again after a second, because each reading costs as much as
    /// a span.
    private func clockOffset(_ state: inout State, at now: NIODeadline) -> UInt64 {
        if state.clock.readAt == .distantPast || now - state.clock.readAt >= .seconds(1) {
            state.clock = (DefaultTracerClock.now.nanosecondsSinceEpoch &- NIODeadline.now().uptimeNanoseconds, now)
        }
        return state.clock.offset
    }

    // MARK: Watches

    /// The most watches at a time.
    private static let mostWatches = 8

    /// Watches the spans that end from now on. The watch may be `limit` spans behind. Nil if there are eight watches already. End it
    /// with ``end(_:)``.
    package func watch(limit: Int) -> SpanWatch? {
        let watch = SpanWatch(limit: limit)
        return watches.add(watch, most: Self.mostWatches) ? watch : nil
    }

    /// Ends a watch.
    package func end(_ watch: SpanWatch) { watches.remove(watch) }

    // MARK: Spans of calls

    /// Starts a span of the toolkit: a child of `outer`, else of the caller's identity, else the root of a new trace.
    func start(
        _ details: consuming SpanDetails, inside outer: LiveSpan?, at now: NIODeadline,
        _ parent: @autoclosure () -> Traceparent?
    ) -> LiveSpan {
        if let outer { return outer.trace.begin(details, parent: outer.id, start: now) }
        let parent = parent()
        let trace = parent.map { self.trace($0.trace, at: now) } ?? newTrace(at: now)
        return trace.begin(details, parent: parent?.span ?? 0, start: now)
    }

    /// Starts an attempt of a call: a child of `outer`, else of the caller's identity, else the root of a new trace.
    func startAttempt(
        _ command: Command, _ number: Int, host: String, port: Int, inside outer: LiveSpan?, at now: NIODeadline,
        _ parent: @autoclosure () -> Traceparent?
    ) -> LiveSpan {
        guard let outer else {
            return start(.attempt(command, number, host: host, port: port), inside: nil, at: now, parent())
        }
        return outer.trace.beginAttempt(command, number, host: host, port: port, of: outer.id, start: now)
    }

    // MARK: Tracer

    package func startSpan<Instant: TracerInstant>(
        _ operationName: String, context: @autoclosure () -> ServiceContext, ofKind kind: SpanKind,
        at instant: @autoclosure () -> Instant, function: String, file fileID: String, line: UInt
    ) -> BoundedSpan {
        let context = context()
        let (outer, now) = (context.travelling.span, instant().nanosecondsSinceEpoch)
        if let outer { return BoundedSpan(operationName, kind, in: context, outer.trace, parent: outer.id, start: now) }
        let parent = context.traceparent
        return BoundedSpan(
            operationName, kind, in: context, trace((parent ?? .random()).trace, at: .now()), parent: parent?.span ?? 0,
            start: now)
    }

    package func forceFlush() {}

    package func inject<Carrier, Inject: Injector>(
        _ context: ServiceContext, into carrier: inout Carrier, using injector: Inject
    ) where Inject.Carrier == Carrier {
        guard let identity = context.traceparent else { return }
        injector.inject(identity.description, forKey: MetadataName.traceparent, into: &carrier)
    }

    package func extract<Carrier, Extract: Extractor>(
        _ carrier: Carrier, into context: inout ServiceContext, using extractor: Extract
    ) where Extract.Carrier == Carrier {
        guard let text = extractor.extract(key: MetadataName.traceparent, from: carrier), Traceparent(text) != nil
        else { return }
        context.travelling.span = nil
        context.travelling.metadata[MetadataName.traceparent] = text
    }
}

import DequeModule
import Synchronization
package import Tracing

/// Keeps the spans of the last traces in memory, and continues traces by W3C `traceparent`.
///
/// It is meant for demonstrations, and for tools that inspect a running process. Peers cannot make it keep more traces
/// or spans than its limits allow.
package final class BoundedTracer: Tracer {
    package typealias Span = BoundedSpan

    private struct State {
        var traces: [String: [RecordedSpan]] = [:]
        /// The trace ids, in the order of their first recorded span.
        var order: Deque<String> = []
    }

    private let traceLimit: Int
    private let spanLimit: Int
    private let state = Mutex(State())

    /// Creates a tracer that keeps the last `traces` traces (default 1000), and the first `spans` spans of each
    /// (default 128).
    package init(traces: Int = 1000, spans: Int = 128) {
        traceLimit = max(1, traces)
        spanLimit = max(1, spans)
    }

    /// Returns the ended spans of a trace, in the order in which they started.
    package func spans(of traceID: String) -> [RecordedSpan] {
        state.withLock { $0.traces[traceID] ?? [] }.sorted { $0.start < $1.start }
    }

    /// The number of spans that the tracer keeps.
    package var count: Int { state.withLock { $0.traces.values.reduce(0) { $0 + $1.count } } }

    func record(_ span: RecordedSpan) {
        state.withLock { state in
            if state.traces[span.traceID] == nil {
                state.order.append(span.traceID)
                if state.order.count > traceLimit { state.traces[state.order.removeFirst()] = nil }
            }
            guard state.traces[span.traceID, default: []].count < spanLimit else { return }
            state.traces[span.traceID, default: []].append(span)
        }
    }

    // MARK: Tracer

    package func startSpan<Instant: TracerInstant>(
        _ operationName: String, context: @autoclosure () -> ServiceContext, ofKind kind: SpanKind,
        at instant: @autoclosure () -> Instant, function: String, file fileID: String, line: UInt
    ) -> BoundedSpan {
        var context = context()
        let parent = context[SpanIdentityKey.self]
        let identity = Traceparent(
            traceID: parent?.traceID ?? Traceparent.random().traceID, spanID: Traceparent.newSpanID(), flags: 0x03)
        context[SpanIdentityKey.self] = identity
        return BoundedSpan(
            operationName, kind, context, identity, parentID: parent?.spanID, start: instant().nanosecondsSinceEpoch,
            self)
    }

    package func forceFlush() {}

    package func inject<Carrier, Inject: Injector>(
        _ context: ServiceContext, into carrier: inout Carrier, using injector: Inject
    ) where Inject.Carrier == Carrier {
        guard let identity = context[SpanIdentityKey.self] else { return }
        injector.inject(identity.description, forKey: MetadataName.traceparent, into: &carrier)
    }

    package func extract<Carrier, Extract: Extractor>(
        _ carrier: Carrier, into context: inout ServiceContext, using extractor: Extract
    ) where Extract.Carrier == Carrier {
        guard let text = extractor.extract(key: MetadataName.traceparent, from: carrier),
            let identity = Traceparent(text)
        else { return }
        context[SpanIdentityKey.self] = identity
    }
}

private enum SpanIdentityKey: ServiceContextKey {
    typealias Value = Traceparent
}

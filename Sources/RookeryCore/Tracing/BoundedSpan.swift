import Synchronization
package import Tracing

/// A span of ``BoundedTracer``. It keeps attributes and whether it failed. It drops events and links.
package final class BoundedSpan: Span {
    private struct State {
        var name: String
        var attributes = SpanAttributes()
        var isFailure = false
        var hasEnded = false
    }

    package let context: ServiceContext
    private let kind: SpanKind
    private let identity: Traceparent
    private let parentID: String?
    private let start: UInt64
    private let tracer: BoundedTracer
    private let state: Mutex<State>

    init(
        _ name: String, _ kind: SpanKind, _ context: ServiceContext, _ identity: Traceparent, parentID: String?,
        start: UInt64, _ tracer: BoundedTracer
    ) {
        self.kind = kind
        self.context = context
        self.identity = identity
        self.parentID = parentID
        self.start = start
        self.tracer = tracer
        state = Mutex(State(name: name))
    }

    package var operationName: String {
        get { state.withLock { $0.name } }
        set { state.withLock { $0.name = newValue } }
    }

    package var attributes: SpanAttributes {
        get { state.withLock { $0.attributes } }
        set { state.withLock { $0.attributes = newValue } }
    }

    package var isRecording: Bool { state.withLock { !$0.hasEnded } }

    package func setStatus(_ status: SpanStatus) {
        state.withLock { $0.isFailure = status.code == .error }
    }

    package func addEvent(_ event: SpanEvent) {}

    package func recordError<Instant: TracerInstant>(
        _ error: any Error, attributes: SpanAttributes, at instant: @autoclosure () -> Instant
    ) {
        state.withLock { $0.isFailure = true }
    }

    package func addLink(_ link: SpanLink) {}

    /// Passes the span to its tracer. Only the first call has an effect.
    package func end<Instant: TracerInstant>(at instant: @autoclosure () -> Instant) {
        let end = instant().nanosecondsSinceEpoch
        let ended = state.withLock { state -> State? in
            if state.hasEnded { return nil }
            state.hasEnded = true
            return state
        }
        guard let ended else { return }
        tracer.record(
            RecordedSpan(
                name: ended.name, kind: kind, traceID: identity.traceID, spanID: identity.spanID, parentID: parentID,
                start: start, end: end, attributes: ended.attributes, isFailure: ended.isFailure))
    }
}

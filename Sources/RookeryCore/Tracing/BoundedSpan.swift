import NIOCore
import Synchronization
package import Tracing

/// A span of ``BoundedTracer``: one of the toolkit that has ended, or one of other code. It drops events and links.
package final class BoundedSpan: Span {
    /// The state that only spans of other code have.
    private struct Extras {
        var name: String?
        var kind = SpanKind.internal
        var attributes: SpanAttributes?
        var isFailure = false
        /// The context that the span started in. Removed at the end, because it has metadata that a peer sent.
        var surroundings: ServiceContext?
    }

    private struct State {
        /// Nanoseconds since 1970. 0 while the span is under way.
        var end: UInt64 = 0
        /// What the toolkit recorded at the end.
        var conclusion: SpanEnd?
        var extras: [Extras] = []

        /// Stored in an array of at most one element, so that a span without extras is small.
        var extra: Extras {
            get { extras.first ?? Extras() }
            set { extras = [newValue] }
        }
    }

    /// What the toolkit recorded at the start. Nil for a span of other code.
    package let details: SpanDetails?
    let trace: BoundedTracer.Trace
    /// The id of the span as a number.
    package let id: UInt64
    /// The id of the parent span, perhaps in another process. 0 for the root of a trace.
    package let parent: UInt64
    /// The start, in nanoseconds since 1970.
    package let start: UInt64
    /// The message of a call as JSON, redacted. Nil for other spans, and if the tracer did not keep it.
    package let message: String?
    /// The reply of a call as JSON, redacted. Nil for other spans, without a reply, and if the tracer did not keep it.
    package let reply: String?
    private let state: Mutex<State>

    /// Makes a span of the toolkit that has ended, to be read.
    init(
        _ details: SpanDetails, _ trace: BoundedTracer.Trace, id: UInt64, parent: UInt64, start: UInt64,
        _ conclusion: SpanEnd, at end: UInt64, messages: BoundedTracer.Trace.Messages?
    ) {
        self.details = details
        self.trace = trace
        self.id = id
        self.parent = parent
        self.start = start
        message = messages?.message
        reply = messages?.reply
        state = Mutex(State(end: max(1, end), conclusion: conclusion))
    }

    /// Makes a span of other code.
    init(
        _ name: String, _ kind: SpanKind, in surroundings: ServiceContext, _ trace: BoundedTracer.Trace, parent: UInt64,
        start: UInt64
    ) {
        details = nil
        (message, reply) = (nil, nil)
        self.trace = trace
        id = Traceparent.newSpanID()
        self.parent = parent
        self.start = start
        state = Mutex(State(extras: [Extras(name: name, kind: kind, surroundings: surroundings)]))
    }

    var identity: Traceparent { Traceparent(trace: trace.id, span: id, flags: 0x03) }
    /// The kind of the span.
    package var kind: SpanKind { details?.kind ?? state.withLock { $0.extra.kind } }
    /// The trace id: 32 hexadecimal digits.
    package var traceID: String { identity.traceID }
    /// The lower half of the trace id.
    package var traceLow: UInt64 { trace.id.low }
    /// The id of the span: 16 hexadecimal digits.
    package var spanID: String { identity.spanID }
    /// The id of the parent span, perhaps in another process. Nil for the root of a trace.
    package var parentID: String? { parent == 0 ? nil : Traceparent.text(parent) }
    /// Whether the span failed.
    package var isFailure: Bool {
        state.withLock { $0.extra.isFailure || $0.conclusion?.isFailure ?? false }
    }

    /// The end, in nanoseconds since 1970. 0 while the span is under way.
    package var ended: UInt64 { state.withLock { $0.end } }

    /// The HTTP status of a request's span that has ended.
    package var status: Int? {
        if case .response(let status, _)? = state.withLock({ $0.conclusion }) { status } else { nil }
    }

    /// The route that matched an HTTP request whose span has ended. Nil if none did.
    package var route: String? {
        if case .response(_, let route)? = state.withLock({ $0.conclusion }) { route } else { nil }
    }

    /// The code of the error or the refusal that a call, an attempt or a handler ended with. Nil for success.
    package var code: String? {
        if case .error(let outcome)? = state.withLock({ $0.conclusion }) { outcome.code } else { nil }
    }

    /// How many milliseconds a call had at its beginning until its deadline. Nil for other spans, and without a deadline.
    package var millisecondsLeft: Int? {
        guard case .call(_, _, let deadline?)? = details else { return nil }
        return Int(clamping: (deadline - trace.instant(start)).nanoseconds / 1_000_000)
    }

    /// Returns the text of an attribute.
    package func text(_ name: String) -> String? {
        switch attributes.get(name) {
        case .string(let text): text
        default: nil
        }
    }

    /// Ends the span. Further calls have no effect.
    func end(_ conclusion: SpanEnd?, at end: UInt64) {
        let isFirst = state.withLock { state in
            if state.end != 0 { return false }
            state.end = max(1, end)
            state.conclusion = conclusion
            if !state.extras.isEmpty {
                state.extra.surroundings = nil
                state.extra.attributes = state.extra.attributes?.shortened
            }
            return true
        }
        if isFirst { trace.record(self) }
    }

    // MARK: Span

    package var context: ServiceContext {
        var context = state.withLock { $0.extra.surroundings } ?? .topLevel
        context.travelling.span = LiveSpan(trace: trace, id: id)
        return context
    }

    package var operationName: String {
        get { state.withLock { $0.extra.name ?? $0.conclusion?.name } ?? details?.name ?? "" }
        set { state.withLock { $0.extra.name = newValue } }
    }

    package var attributes: SpanAttributes {
        get {
            let (others, conclusion) = state.withLock { ($0.extra.attributes, $0.conclusion) }
            guard let details else { return others ?? SpanAttributes() }
            var attributes = details.attributes
            conclusion?.add(to: &attributes)
            if let others { attributes.merge(others) }
            return attributes
        }
        set { state.withLock { $0.extra.attributes = newValue } }
    }

    package var isRecording: Bool { state.withLock { $0.end == 0 } }

    package func setStatus(_ status: SpanStatus) {
        state.withLock { $0.extra.isFailure = status.code == .error }
    }

    package func addEvent(_ event: SpanEvent) {}

    package func recordError<Instant: TracerInstant>(
        _ error: any Error, attributes: SpanAttributes, at instant: @autoclosure () -> Instant
    ) {
        state.withLock { $0.extra.isFailure = true }
    }

    package func addLink(_ link: SpanLink) {}

    package func end<Instant: TracerInstant>(at instant: @autoclosure () -> Instant) {
        end(nil, at: instant().nanosecondsSinceEpoch)
    }
}

extension SpanAttributes {
    /// The attributes, with texts cut to 256 bytes, because the tracer keeps them and clients choose some of them.
    fileprivate var shortened: SpanAttributes {
        var short = self
        forEach { key, value in
            if case .string(let text) = value, text.utf8.count > 256 { short[key] = "\(text.cut(toBytes: 256))…" }
        }
        return short
    }
}

package import NIOCore
import Tracing

/// A span that the toolkit started, with any tracer.
package enum CallSpan: Sendable {
    case bounded(LiveSpan)
    case other(OtherSpan)

    /// A span of a tracer that is no ``BoundedTracer``. A class, so that a `CallSpan` is cheap to copy.
    package final class OtherSpan: Sendable {
        let span: any Span

        init(_ span: any Span) { self.span = span }
    }

    /// The outline of the request whose own span this is, and that has ended. Nil if it is not known, and with other tracers.
    package var outline: TraceOutline? {
        if case .bounded(let live) = self { live.trace.outline(of: live.id) } else { nil }
    }

    /// Records the outcome of a call, and ends the span.
    package func end(_ outcome: CallOutcome, at instant: @autoclosure () -> NIODeadline = .now()) {
        end(SpanEnd(outcome), at: instant())
    }

    /// Records the end, and ends the span. Other tracers read their own clocks.
    package func end(_ end: SpanEnd, at instant: @autoclosure () -> NIODeadline = .now()) {
        switch self {
        case .bounded(let live): live.end(end, at: instant())
        case .other(let other):
            let span = other.span
            if !end.isSilent { span.updateAttributes { end.add(to: &$0) } }
            if let name = end.name { span.operationName = name }
            if end.isFailure { span.setStatus(SpanStatus(code: .error)) }
            span.end()
        }
    }
}

package import Tracing

/// A span that the toolkit started, with any tracer.
package enum CallSpan: Sendable {
    case bounded(LiveSpan)
    case other(any Span)

    /// Records the outcome of a call, and ends the span.
    package func end(_ outcome: CallOutcome) { end(.call(outcome)) }

    /// Records the end, and ends the span.
    package func end(_ conclusion: SpanEnd) {
        switch self {
        case .bounded(let span): span.end(conclusion, at: DefaultTracerClock.now.nanosecondsSinceEpoch)
        case .other(let span):
            if !conclusion.isSilent { span.updateAttributes { conclusion.add(to: &$0) } }
            if let name = conclusion.name { span.operationName = name }
            if conclusion.isFailure { span.setStatus(SpanStatus(code: .error)) }
            span.end()
        }
    }
}

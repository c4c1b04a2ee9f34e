import NIOCore

/// A span of the toolkit while it is under way: its trace, which records it, and its id.
///
/// It is no object of its own. A request has some ten spans, and most traces are dropped when their request ends. So a span costs no
/// more than its entry in the memory of its trace.
package struct LiveSpan: Sendable {
    let trace: BoundedTracer.Trace
    /// The id of the span as a number. Of a call that is at its first attempt, a message carries the id of the attempt.
    package let id: UInt64

    /// What a message of the span carries.
    var identity: Traceparent { Traceparent(trace: trace.id, span: id, flags: 0x03) }

    /// Ends the span, or the first attempt of a call. Further calls have no effect.
    func end(_ end: SpanEnd, at instant: NIODeadline) { trace.end(id, end, at: instant) }
}

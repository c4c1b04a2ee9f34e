/// A span of the toolkit in the memory of its trace. The first attempt of a call has no entry of its own, because most calls have one.
struct SpanEntry {
    let id: UInt64
    /// 0 for the root of a trace.
    let parent: UInt64
    /// Nanoseconds since 1970.
    let start: UInt64
    /// Nanoseconds since 1970. 0 while the span is under way.
    var end: UInt64 = 0
    /// The first attempt of a call. 0 without one.
    var attempt: UInt64 = 0
    /// Nanoseconds since 1970.
    var attemptStart: UInt64 = 0
    /// Nanoseconds since 1970. 0 while the attempt is under way.
    var attemptEnd: UInt64 = 0
    let details: SpanDetails
    var conclusion: SpanEnd?
    var attemptConclusion: SpanEnd?
    var host = ""
    var port = 0

    /// The first attempt as a span. Nil for a span that is no call, and without an attempt.
    func attemptSpan(_ trace: BoundedTracer.Trace) -> BoundedSpan? {
        guard attempt != 0, case .call(let command, _, _) = details else { return nil }
        let entry = SpanEntry(
            id: attempt, parent: id, start: attemptStart, end: attemptEnd,
            details: .attempt(command, 1, host: host, port: port), conclusion: attemptConclusion)
        return BoundedSpan(entry, trace, messages: nil)
    }
}

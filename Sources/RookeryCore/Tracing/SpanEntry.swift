import NIOCore

/// A span of the toolkit in the memory of its trace. The first attempt of a call has no entry of its own, because most calls have one.
///
/// It has 120 bytes.
struct SpanEntry {
    /// 0 for the root of a trace.
    let parent: UInt64
    let start: NIODeadline
    /// Nil while the span is under way.
    var end: SpanEnd?
    /// Meaningless while `end` is nil.
    var ended = NIODeadline.distantPast
    let details: SpanDetails
    /// The first attempt of a call. Nil without one.
    var attempt: Attempt?

    /// The first attempt of a call.
    struct Attempt {
        let host: String
        let port: Int
        let start: NIODeadline
        /// Nil while the attempt is under way.
        var end: SpanEnd?
        var ended = NIODeadline.distantPast
    }
}

import Rookery
import RookeryCore
import Synchronization

/// Ends the span of a response that is a stream: after the stream, or when the stream never begins because the client has
/// left.
final class SpanEnding: Sendable {
    private let span: CallSpan
    private let conclusion: SpanEnd
    private let hasEnded = Atomic(false)

    init(_ span: CallSpan, _ conclusion: SpanEnd) {
        self.span = span
        self.conclusion = conclusion
    }

    func end() {
        if !hasEnded.exchange(true, ordering: .relaxed) { span.end(conclusion) }
    }

    deinit { end() }
}

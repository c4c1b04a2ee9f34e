import DequeModule
import PetProContracts

/// The last spans of one service's processes, by trace. Each service has a ring of its own, so that a chatty one evicts nobody.
struct SpanRing: Sendable {
    /// How many traces it keeps: 4096.
    static let traces = 4096
    /// How many spans of a trace it keeps: 128.
    static let spans = 128

    private var byTrace: [String: [SpanRecord]] = [:]
    /// The traces, the oldest first.
    private var order: Deque<String> = []

    /// The spans of a trace.
    subscript(trace: String) -> [SpanRecord] { byTrace[trace] ?? [] }

    /// Adds a span, and removes the oldest trace if there are too many.
    mutating func add(_ span: SpanRecord) {
        if byTrace[span.trace] == nil {
            order.append(span.trace)
            if order.count > Self.traces { byTrace[order.removeFirst()] = nil }
        }
        guard byTrace[span.trace, default: []].count < Self.spans else { return }
        byTrace[span.trace, default: []].append(span)
    }
}

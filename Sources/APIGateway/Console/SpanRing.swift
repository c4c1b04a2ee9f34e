import DequeModule
import PetProContracts

/// The last spans of one service's instances, by trace. Each service has its own ring, so that a busy service evicts only its own.
struct SpanRing: Sendable {
    /// How many traces it keeps: 4096.
    static let traces = 4096
    /// How many spans of a trace it keeps: 128.
    static let spans = 128
    /// How many spans it keeps of all traces: 65 536, of some 20 MB.
    static let allSpans = 65_536

    private var byTrace: [String: [SeenSpan]] = [:]
    /// The traces, the oldest first.
    private var order: Deque<String> = []
    private(set) var count = 0

    /// The spans of a trace.
    subscript(trace: String) -> [SeenSpan] { byTrace[trace] ?? [] }

    /// Adds a span, and removes the oldest traces if there are too many. Leaves out one that is not within its bounds.
    mutating func add(_ record: SpanRecord) {
        guard record.trace.utf8.count == 32, let span = SeenSpan(record) else { return }
        if byTrace[record.trace] == nil { order.append(record.trace) }
        guard byTrace[record.trace, default: []].count < Self.spans else { return }
        byTrace[record.trace, default: []].append(span)
        count += 1
        while order.count > Self.traces || count > Self.allSpans, let oldest = order.popFirst() {
            count -= byTrace.removeValue(forKey: oldest)?.count ?? 0
        }
    }
}

import PetProContracts
import Rookery
import SequenceDiagrams

extension ObservedTrace {
    private static let participants = Dictionary(
        uniqueKeysWithValues: ServiceName.allCases.map { ($0.rawValue, $0.participant) })

    /// Reads a request out of the spans of its trace, which may have any order. Spans of other requests are left out, because a
    /// client chooses the trace that its request belongs to. Nil without the request's own span.
    ///
    /// `others` are the spans of other processes. Their clocks may differ: what handles a call cannot begin outside the call, so it is
    /// put into the middle of the call then, with all that its process called for it.
    init?(_ spans: [BoundedSpan], _ others: [SeenSpan] = [], of request: Traceparent) {
        guard let root = spans.first(where: { $0.id == request.id }),
            case .request(let method, let path)? = root.details
        else { return nil }
        let own = spans.compactMap { SeenSpan($0) }
        let seen = own + Self.placed(others, beside: own)
        let byID = Dictionary(seen.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
        var attempts: [UInt64: [Attempt]] = [:]
        for span in seen where span.kind == .attempt {
            attempts[span.parent, default: []].append(
                Attempt(
                    number: span.attempt, instance: span.instance, start: Self.offset(span.start, from: root.start),
                    end: Self.offset(span.end, from: root.start), failure: span.code))
        }
        var calls: [Call] = []
        for span in seen where span.kind == .call {
            guard let callee = span.service, let caller = Self.caller(of: span, in: byID, request: request.id) else {
                continue
            }
            let arrow = SequencePath.Arrow(
                from: caller, to: Self.participants[callee] ?? callee, name: span.name)
            calls.append(
                Call(
                    arrow: arrow, start: Self.offset(span.start, from: root.start),
                    end: Self.offset(span.end, from: root.start), code: span.code,
                    isFailure: span.isFailure, attempts: (attempts[span.id] ?? []).sorted { $0.number < $1.number }))
        }
        let route = root.text("http.route")
        self.init(
            id: request.traceID, operation: "\(method) \(route ?? path)", path: path,
            status: root.status, start: root.start, duration: Self.offset(root.ended, from: root.start),
            calls: calls.sorted { $0.start < $1.start })
    }

    /// Whether the spans of other processes are missing for a call that this one made and that was answered.
    static func isIncomplete(_ spans: [BoundedSpan], _ others: [SeenSpan]) -> Bool {
        let handled = Set(others.lazy.filter { $0.kind == .handling }.map(\.parent))
        return spans.lazy.compactMap { SeenSpan($0) }.contains { $0.wasHandled && !handled.contains($0.id) }
    }

    /// Places the spans of other processes on the time axis of this one.
    private static func placed(_ others: [SeenSpan], beside own: [SeenSpan]) -> [SeenSpan] {
        if others.isEmpty { return [] }
        var placed = Dictionary(own.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
        var offsets: [UInt64: Int64] = [:]
        let byParent = Dictionary(grouping: others, by: \.parent)
        var result: [SeenSpan] = []
        var next = own.map(\.id)
        // From the callers to the called. Each span has one parent, so each is placed once, whatever a peer sends.
        while let parent = next.popLast() {
            for raw in byParent[parent] ?? [] where placed[raw.id] == nil {
                // The handling of a call has the clock of another process. What that process called has the same one.
                let isElsewhere = raw.kind == .handling
                let offset = isElsewhere ? placed[parent].map { shift(raw, into: $0) } ?? 0 : offsets[parent] ?? 0
                let span = raw.moved(by: offset)
                placed[span.id] = span
                offsets[span.id] = offset
                result.append(span)
                next.append(span.id)
            }
        }
        return result
    }

    /// How much later the handling of a call must lie to begin within the call. 0 if it does.
    private static func shift(_ handling: SeenSpan, into call: SeenSpan) -> Int64 {
        if (call.start...max(call.start, call.end)).contains(handling.start) { return 0 }
        let (outer, inner) = (Int128(call.end) - Int128(call.start), Int128(handling.end) - Int128(handling.start))
        return Int64(clamping: Int128(call.start) + max(0, outer - inner) / 2 - Int128(handling.start))
    }

    /// The participant that made a call. Nil if the call belongs to another request.
    private static func caller(of call: SeenSpan, in spans: [UInt64: SeenSpan], request: UInt64) -> String? {
        var caller: String?
        var parent = call.parent
        // Bounded, because a peer can send a loop of parents, or a long row of them.
        for _ in 0..<32 {
            if parent == request { return caller ?? gateway }
            guard let outer = spans[parent] else { return nil }
            if caller == nil, outer.kind == .handling, let name = outer.service {
                caller = participants[name] ?? name
            }
            parent = outer.parent
        }
        return nil
    }

    private static func offset(_ time: UInt64, from start: UInt64) -> Int64 {
        Int64(clamping: Int128(time) - Int128(start))
    }
}

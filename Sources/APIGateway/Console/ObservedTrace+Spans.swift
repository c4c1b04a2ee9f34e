import PetProContracts
import Rookery
import SequenceDiagrams

extension ObservedTrace {
    private static let participants = Dictionary(
        uniqueKeysWithValues: ServiceName.allCases.map { ($0.rawValue, $0.participant) })

    /// Reads a request out of the spans of its trace, which may have any order. Spans of other requests are left out, because a
    /// client chooses the trace that its request belongs to. Nil without the request's own span.
    ///
    /// `others` are the spans of other processes. Their clocks may differ: what handles a call cannot begin before the call, nor end
    /// after it, so it is put into the middle of the call then, with all that it called.
    init?(_ spans: [BoundedSpan], _ others: [SpanRecord] = [], of request: Traceparent) {
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

    /// Places the spans of other processes on the time axis of this one.
    private static func placed(_ records: [SpanRecord], beside own: [SeenSpan]) -> [SeenSpan] {
        if records.isEmpty { return [] }
        var placed = Dictionary(own.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
        var offsets: [UInt64: Int64] = [:]
        let byParent = Dictionary(grouping: records) { $0.parent.flatMap { UInt64($0, radix: 16) } ?? 0 }
        var result: [SeenSpan] = []
        var next = own.map(\.id)
        // From the callers to the called. Each span has one parent, so each is placed once, whatever a peer sends.
        while let parent = next.popLast() {
            for record in byParent[parent] ?? [] {
                let raw = SeenSpan(record)
                if placed[raw.id] != nil { continue }
                let offset = offsets[parent] ?? (placed[parent].map { Self.shift(raw, into: $0) } ?? 0)
                let span = SeenSpan(record, offset: offset)
                placed[span.id] = span
                offsets[span.id] = offset
                result.append(span)
                next.append(span.id)
            }
        }
        return result
    }

    /// How much later the handling of a call must lie to lie within the call. 0 if it does.
    private static func shift(_ handling: SeenSpan, into call: SeenSpan) -> Int64 {
        if handling.start >= call.start, handling.end <= call.end { return 0 }
        let (outer, inner) = (Int128(call.end) - Int128(call.start), Int128(handling.end) - Int128(handling.start))
        return Int64(clamping: Int128(call.start) + (outer - inner) / 2 - Int128(handling.start))
    }

    /// The participant that made a call. Nil if the call belongs to another request.
    private static func caller(of call: SeenSpan, in spans: [UInt64: SeenSpan], request: UInt64) -> String? {
        var caller: String?
        var parent = call.parent
        // Bounded, because a peer can send a loop of parents.
        for _ in 0..<spans.count {
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

import PetProContracts
import Rookery
import SequenceDiagrams
import TraceStore

extension ObservedTrace {
    private static let participants = Dictionary(
        uniqueKeysWithValues: ServiceName.allCases.map { ($0.rawValue, $0.participant) } + [
            (OwnedSpan.gateway, gateway)
        ])

    /// What the diagrams call a service.
    static func participant(_ service: String) -> String { participants[service] ?? service }

    /// Reads a request, whose own span is `root`, out of the spans of its trace, which may have any order. Spans of other requests are
    /// left out, because a client chooses the trace that its request belongs to. Nil without the request's own span.
    ///
    /// The clocks of processes may differ: what handles a call cannot begin outside the call, so it is put into the middle of the call
    /// then, with all that its process called for it.
    init?(_ spans: [SeenSpan], of root: UInt64, trace: String) {
        guard let request = spans.first(where: { $0.id == root }) else { return nil }
        let seen = Self.placed(spans, below: request)
        let byID = Dictionary(seen.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
        let byParent = Dictionary(grouping: seen, by: \.parent)
        func offset(_ time: UInt64) -> Int64 { Self.offset(time, from: request.start) }
        /// The span that handles a call, at whichever attempt.
        func handling(_ call: SeenSpan) -> SeenSpan? {
            let below = byParent[call.id] ?? []
            return below.first(where: \.isEntry)
                ?? below.lazy.compactMap { (byParent[$0.id] ?? []).first(where: \.isEntry) }.first
        }
        var calls: [Call] = []
        // What begins with a call is that call.
        for span in seen where span.id != root || span.kind == .call {
            if span.kind == .call {
                let handler = handling(span)
                let caller = Self.caller(of: span, in: byID, root: request)
                let callee = span.service ?? handler?.owner ?? "elsewhere"
                // Who calls by HTTP knows only the method.
                let name = span.service == nil ? handler?.name ?? span.name : span.name
                let attempts = (byParent[span.id] ?? []).filter { $0.kind == .attempt }.map { one in
                    Attempt(
                        number: one.attempt, instance: one.instance, start: offset(one.start), end: offset(one.end),
                        failure: one.code)
                }
                calls.append(
                    Call(
                        arrow: SequencePath.Arrow(from: caller, to: Self.participant(callee), name: name),
                        start: offset(span.start), end: offset(span.end), code: span.code, isFailure: span.isFailure,
                        attempts: attempts.sorted { $0.number < $1.number }, left: span.left,
                        isEvent: EventType(rawValue: span.name) != nil, message: span.message, reply: span.reply))
            } else if span.isEntry, let parent = byID[span.parent], parent.kind != .call, parent.kind != .attempt {
                // Its caller tells of no call.
                calls.append(
                    Call(
                        arrow: SequencePath.Arrow(
                            from: Self.caller(of: span, in: byID, root: request),
                            to: Self.participant(span.service ?? span.owner), name: span.name),
                        start: offset(span.start), end: offset(span.end), code: span.code, isFailure: span.isFailure,
                        attempts: []))
            }
        }
        self.init(
            id: trace, operation: request.name, path: request.path ?? "", status: request.status,
            start: request.start, duration: offset(request.end), calls: calls.sorted { $0.start < $1.start },
            entry: Self.participant(request.kind == .handling ? request.service ?? request.owner : request.owner),
            isAsked: request.isEntry, isFailure: request.isFailure)
    }

    /// Whether the spans of other processes are missing for a call that the gateway made and that was answered.
    static func isIncomplete(_ spans: [SeenSpan]) -> Bool {
        let handled = Set(spans.lazy.filter { $0.kind == .handling }.map(\.parent))
        return spans.contains { $0.owner == OwnedSpan.gateway && $0.wasHandled && !handled.contains($0.id) }
    }

    /// The span above `request` from which everything in the trace begins, as far as it is known.
    static func origin(of request: UInt64, in spans: [SeenSpan]) -> UInt64 {
        let byID = Dictionary(spans.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
        var top = request
        // Bounded, because a peer can send a loop of parents.
        for _ in 0..<32 {
            guard let parent = byID[top]?.parent, byID[parent] != nil else { return top }
            top = parent
        }
        return request
    }

    /// The request and all that is below it, on the time axis of the request.
    private static func placed(_ spans: [SeenSpan], below request: SeenSpan) -> [SeenSpan] {
        var placed = [request.id: request]
        var offsets: [UInt64: Int64] = [request.id: 0]
        let byParent = Dictionary(grouping: spans, by: \.parent)
        var result = [request]
        var next = [request.id]
        // From the callers to the called. Each span has one parent, so each is placed once, whatever a peer sends.
        while let parent = next.popLast() {
            for raw in byParent[parent] ?? [] where placed[raw.id] == nil {
                // The handling of a call has the clock of another process. What that process called has the same one.
                let offset = raw.isEntry ? placed[parent].map { shift(raw, into: $0) } ?? 0 : offsets[parent] ?? 0
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

    /// The participant within whose work a span began.
    private static func caller(of span: SeenSpan, in spans: [UInt64: SeenSpan], root: SeenSpan) -> String {
        var parent = span.parent
        // Bounded, because a peer can send a long row of parents.
        for _ in 0..<32 {
            guard let outer = spans[parent] else { break }
            if outer.isEntry || outer.id == root.id { return participant(outer.service ?? outer.owner) }
            parent = outer.parent
        }
        return participant(span.owner)
    }

    private static func offset(_ time: UInt64, from start: UInt64) -> Int64 {
        Int64(clamping: Int128(time) - Int128(start))
    }
}

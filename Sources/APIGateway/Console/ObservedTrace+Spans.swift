import PetProContracts
import Rookery
import SequenceDiagrams

extension ObservedTrace {
    private static let participants = Dictionary(
        uniqueKeysWithValues: ServiceName.allCases.map { ($0.rawValue, $0.participant) })

    /// Reads a request out of the spans of its trace, which may have any order. Spans of other requests are left out, because a
    /// client chooses the trace that its request belongs to. Nil without the request's own span.
    init?(_ spans: [BoundedSpan], of request: Traceparent) {
        guard let root = spans.first(where: { $0.id == request.id }),
            case .request(let method, let path)? = root.details
        else { return nil }
        let byID = Dictionary(spans.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
        var attempts: [UInt64: [Attempt]] = [:]
        for span in spans {
            guard case .attempt(_, let number, let host, let port)? = span.details else { continue }
            attempts[span.parent, default: []].append(
                Attempt(
                    number: number, instance: "\(host):\(port)", start: Self.offset(span.start, from: root.start),
                    end: Self.offset(span.ended, from: root.start), failure: span.text("rpc.status_code")))
        }
        var calls: [Call] = []
        for span in spans {
            guard case .call(let command, let callee?)? = span.details,
                let caller = Self.caller(of: span, in: byID, request: request.id)
            else { continue }
            let arrow = SequencePath.Arrow(
                from: caller, to: Self.participants[callee] ?? callee, name: command.name)
            calls.append(
                Call(
                    arrow: arrow, start: Self.offset(span.start, from: root.start),
                    end: Self.offset(span.ended, from: root.start), code: span.text("rpc.status_code"),
                    isFailure: span.isFailure, attempts: (attempts[span.id] ?? []).sorted { $0.number < $1.number }))
        }
        let route = root.text("http.route")
        self.init(
            id: request.traceID, operation: "\(method) \(route ?? path)", path: path,
            status: root.status, start: root.start, duration: Self.offset(root.ended, from: root.start),
            calls: calls.sorted { $0.start < $1.start })
    }

    /// The participant that made a call. Nil if the call belongs to another request.
    private static func caller(of call: BoundedSpan, in spans: [UInt64: BoundedSpan], request: UInt64) -> String? {
        var caller: String?
        var parent = call.parent
        // Bounded, because a peer can send a loop of parents.
        for _ in 0..<spans.count {
            if parent == request { return caller ?? gateway }
            guard let outer = spans[parent] else { return nil }
            if caller == nil, case .handling(_, let name?, _, _)? = outer.details {
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

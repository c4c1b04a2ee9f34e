import PetProContracts
import Rookery

/// A span as the console reads it, of this process or of another one.
struct SeenSpan: Sendable {
    let kind: SpanRecord.Kind
    let id: UInt64
    /// 0 for the root of a trace.
    let parent: UInt64
    /// The command.
    let name: String
    /// The service that is called, or that handles.
    let service: String?
    /// The number of an attempt.
    let attempt: Int
    /// The instance of an attempt.
    let instance: String
    /// Nanoseconds since 1970.
    let start: UInt64
    /// Nanoseconds since 1970.
    let end: UInt64
    /// The code of an error or a refusal.
    let code: String?
    let isFailure: Bool

    /// Reads a span of this process. Nil for one that the toolkit did not make.
    init?(_ span: BoundedSpan) {
        guard let details = span.details else { return nil }
        (id, parent, start, end) = (span.id, span.parent, span.start, span.ended)
        (code, isFailure) = (span.text("rpc.status_code"), span.isFailure)
        switch details {
        case .request(let method, _): (kind, name, service, attempt, instance) = (.request, method, nil, 0, "")
        case .call(let command, let to): (kind, name, service, attempt, instance) = (.call, command.name, to, 0, "")
        case .attempt(let command, let number, let host, let port):
            (kind, name, service, attempt, instance) = (.attempt, command.name, nil, number, "\(host):\(port)")
        case .handling(let command, let own, _, _):
            (kind, name, service, attempt, instance) = (.handling, command.name, own, 0, "")
        }
    }

    /// Reads a span of another process, whose clock differs by `offset` nanoseconds.
    init(_ record: SpanRecord, offset: Int64 = 0) {
        kind = record.kind
        id = UInt64(record.id, radix: 16) ?? 0
        parent = record.parent.flatMap { UInt64($0, radix: 16) } ?? 0
        (name, service, attempt, instance) = (record.name, record.service, record.attempt ?? 0, record.instance ?? "")
        start = UInt64(clamping: Int128(record.start) + Int128(offset))
        end = UInt64(clamping: Int128(record.start) + Int128(record.duration) + Int128(offset))
        (code, isFailure) = (record.code, record.isFailure)
    }
}

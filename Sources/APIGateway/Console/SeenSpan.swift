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
    /// Nanoseconds since 1970, by the clock of its process.
    private(set) var start: UInt64
    /// Nanoseconds since 1970, by the clock of its process.
    private(set) var end: UInt64
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

    /// The longest text that another process may send, in bytes.
    private static let longest = 256
    /// The latest time that another process may send: the year 2116.
    private static let latest = 1 << 62
    /// The longest span that another process may send: a day.
    private static let longestDuration = 86_400_000_000_000

    /// Reads a span of another process. Nil for one that is not within its bounds: a client of the toolkit checks types only.
    init?(_ record: SpanRecord) {
        func isShort(_ text: String?) -> Bool { (text?.utf8.count ?? 0) <= Self.longest }
        guard let id = UInt64(record.id, radix: 16), (0...Self.latest).contains(record.start),
            (0...Self.longestDuration).contains(record.duration), isShort(record.name), isShort(record.service),
            isShort(record.instance), isShort(record.code)
        else { return nil }
        self.id = id
        kind = record.kind
        parent = record.parent.flatMap { UInt64($0, radix: 16) } ?? 0
        (name, service, attempt, instance) = (record.name, record.service, record.attempt ?? 0, record.instance ?? "")
        (start, end) = (UInt64(record.start), UInt64(record.start + record.duration))
        (code, isFailure) = (record.code, record.isFailure)
    }

    /// The span on a clock that differs by `offset` nanoseconds.
    func moved(by offset: Int64) -> SeenSpan {
        var moved = self
        moved.start = UInt64(clamping: Int128(start) + Int128(offset))
        moved.end = UInt64(clamping: Int128(end) + Int128(offset))
        return moved
    }

    /// Whether the answer to an attempt shows that the other side has handled it, and so has a span.
    var wasHandled: Bool {
        guard kind == .attempt else { return false }
        guard let code else { return true }
        // What the client itself says, or the server before it comes to a handler.
        return !CallError.Code.names.contains(code) && !Self.beforeHandling.contains(code)
    }

    private static let beforeHandling: Set = [
        RemoteError.Code.overloaded.rawValue, RemoteError.Code.deadlineExceeded.rawValue,
        RemoteError.Code.shuttingDown.rawValue, RemoteError.Code.serviceForbidden.rawValue,
        RemoteError.Code.serviceUnauthenticated.rawValue, "cancelled",
    ]
}

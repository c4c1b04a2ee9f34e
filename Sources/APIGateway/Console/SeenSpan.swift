import PetProContracts
import Rookery
import TraceStore

/// A span as the console reads it.
struct SeenSpan: Sendable {
    let kind: SpanRecord.Kind
    let id: UInt64
    /// 0 for the root of a trace.
    let parent: UInt64
    /// The command; of a request, its method and route.
    let name: String
    /// The service whose process it is of.
    let owner: String
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
    /// The HTTP status of a request.
    let status: Int?
    /// The path of a request.
    let path: String?
    /// How many milliseconds a call had left at its beginning.
    let left: Int?
    /// The message of a call and the reply to it, without texts.
    let message, reply: String?

    /// The longest text that another process may send, in bytes.
    private static let longest = 256
    /// The latest time that another process may send: the year 2116.
    private static let latest = 1 << 62
    /// The longest span that another process may send: a day.
    private static let longestDuration = 86_400_000_000_000

    /// Reads a span. Nil for one that is not within its bounds: a client of the toolkit checks types only.
    init?(_ span: OwnedSpan) {
        let record = span.record
        // Nothing that a terminal would act upon, either.
        func isShort(_ text: String?) -> Bool {
            guard let text else { return true }
            return text.utf8.count <= Self.longest
                && !text.unicodeScalars.contains { $0.value < 32 || (127...159).contains($0.value) }
        }
        guard record.trace.utf8.count == 32, record.id.utf8.count == 16, let id = UInt64(record.id, radix: 16),
            (0...Self.latest).contains(record.start), (0...Self.longestDuration).contains(record.duration),
            isShort(record.parent), isShort(record.name), isShort(record.service), isShort(record.instance),
            isShort(record.code), isShort(record.path), (0...999).contains(record.status ?? 0)
        else { return nil }
        self.id = id
        (kind, owner) = (record.kind, span.owner)
        parent = record.parent.flatMap { UInt64($0, radix: 16) } ?? 0
        (name, service, attempt, instance) = (record.name, record.service, record.attempt ?? 0, record.instance ?? "")
        (start, end) = (UInt64(record.start), UInt64(record.start + record.duration))
        (code, isFailure, status, path) = (record.code, record.isFailure, record.status, record.path)
        left = record.left.map { min(max($0, 0), 86_400_000) }
        func isMessage(_ text: String) -> Bool {
            // Nothing that a terminal would act upon, or that would show the text in another order.
            text.utf8.count <= Redaction.limit && (try? JSONValue(parsing: Array(text.utf8))) != nil
                && !text.unicodeScalars.contains {
                    (127...159).contains($0.value) || (0x200E...0x200F).contains($0.value)
                        || (0x202A...0x202E).contains($0.value) || (0x2066...0x2069).contains($0.value)
                }
        }
        (message, reply) = (
            record.message.flatMap { isMessage($0) ? $0 : nil }, record.reply.flatMap { isMessage($0) ? $0 : nil }
        )
    }

    /// The span on a clock that differs by `offset` nanoseconds.
    func moved(by offset: Int64) -> SeenSpan {
        var moved = self
        moved.start = UInt64(clamping: Int128(start) + Int128(offset))
        moved.end = UInt64(clamping: Int128(end) + Int128(offset))
        return moved
    }

    /// Whether the span begins the work of a service for another one, or for a client.
    var isEntry: Bool { kind == .handling || kind == .request }

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

extension OwnedSpan {
    /// The gateway, as an owner of spans.
    static let gateway = "gateway"
    /// The gateway and the services of the platform.
    static let platform = Set(ServiceName.allCases.map(\.rawValue) + [gateway])

    /// Whether an owner is the gateway or a service of the platform.
    static func isOfPlatform(_ owner: String) -> Bool { platform.contains(owner) }

    /// Says of spans of one process whose they are. Each service of the platform may run in it: a span is of the service that handles
    /// the message within which it began.
    static func ofThisProcess(_ records: [SpanRecord]) -> [OwnedSpan] {
        let byID = Dictionary(records.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
        return records.map { record in
            var inner: SpanRecord? = record
            for _ in 0..<32 {
                guard let one = inner else { break }
                if one.kind == .handling, let service = one.service { return OwnedSpan(owner: service, record: record) }
                inner = one.parent.flatMap { byID[$0] }
            }
            return OwnedSpan(owner: gateway, record: record)
        }
    }
}

import OTLPTraces
import PetProContracts
import Rookery
import TraceStore

extension OwnedSpan {
    /// A span that another program has sent, by OpenTelemetry's semantic conventions and the toolkit's own attributes.
    init(_ span: ReceivedSpan) {
        let attributes = span.attributes
        let method = attributes["http.request.method"] ?? attributes["http.method"]
        let status = (attributes["http.response.status_code"] ?? attributes["http.status_code"]).flatMap { Int($0) }
        var record = SpanRecord(
            kind: .other, trace: span.trace, id: span.id, parent: span.parent,
            name: attributes["rookery.command"] ?? span.name, service: nil, attempt: nil, instance: nil,
            start: Int(clamping: span.start), duration: Int(clamping: span.end - span.start),
            code: attributes["rpc.status_code"], isFailure: span.isFailure, status: nil, path: nil, left: nil,
            message: nil, reply: nil)
        switch span.kind {
        case .server, .consumer:
            record.kind = method == nil ? .handling : .request
            if method == nil {
                record.service = attributes["rookery.service"] ?? span.service
            } else {
                record.status = status
            }
            if let method, let route = attributes["http.route"] {
                record.name = span.name.hasPrefix(method) ? span.name : String("\(method) \(route)".prefix(64))
                record.path = route
            }
        case .client, .producer:
            if let number = attributes["rookery.attempt"].flatMap({ Int($0) }) {
                (record.kind, record.attempt) = (.attempt, number)
                record.instance =
                    "\(attributes["server.address"] ?? ""):\(attributes["server.port"] ?? "")".cut(toBytes: 64)
            } else {
                record.kind = .call
                record.service =
                    attributes["rookery.destination"] ?? attributes["peer.service"] ?? attributes["db.system.name"]
                    ?? attributes["db.system"] ?? attributes["messaging.system"]
            }
            if record.code == nil, let status, status >= 400 { record.code = "\(status)" }
        case .internal, .unspecified: break
        }
        // A program may put a person's data into names: what is none by its characters is left out.
        record.name = Self.plain(record.name) ?? record.kind.rawValue
        record.service = record.service.flatMap(Self.plain)
        record.code = record.code.flatMap(Self.plain)
        record.path = record.path.flatMap(Self.plain)
        if record.isFailure, record.code == nil, record.kind != .request { record.code = "error" }
        self.init(owner: span.service, record: record)
    }

    /// A name of letters, digits and the signs of routes and commands. Nil for any other, such as an address, or SQL with values.
    private static func plain(_ text: String) -> String? {
        let isPlain = text.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"):
                true
            default: " _./:{}()<>*-$".utf8.contains(byte)
            }
        }
        return isPlain ? text : nil
    }

    /// The span for another program.
    var sent: ReceivedSpan {
        var attributes: [String: String] = [:]
        var kind = ReceivedSpan.Kind.client
        switch record.kind {
        case .request:
            kind = .server
            let parts = record.name.split(separator: " ", maxSplits: 1)
            attributes["http.request.method"] = parts.first.map { String($0) }
            if parts.count == 2, parts[1].hasPrefix("/") { attributes["http.route"] = String(parts[1]) }
            attributes["http.response.status_code"] = record.status.map { "\($0)" }
        case .call:
            attributes["rookery.command"] = record.name
            attributes["rookery.destination"] = record.service
        case .attempt:
            attributes["rookery.command"] = record.name
            attributes["rookery.attempt"] = record.attempt.map { "\($0)" }
            // The last colon: an IPv6 address has others.
            let at = record.instance?.lastIndex(of: ":")
            attributes["server.address"] = record.instance.flatMap { text in at.map { String(text[..<$0]) } }
            attributes["server.port"] = record.instance.flatMap { text in at.map { String(text[$0...].dropFirst()) } }
        case .handling:
            kind = .server
            attributes["rookery.command"] = record.name
            attributes["rookery.service"] = record.service
        case .other: kind = .internal
        }
        attributes["rpc.status_code"] = record.code
        let start = UInt64(clamping: record.start)
        return ReceivedSpan(
            service: owner, trace: record.trace, id: record.id, parent: record.parent,
            name: record.name, kind: kind, start: start, end: start + UInt64(clamping: record.duration),
            isFailure: record.isFailure, attributes: attributes)
    }
}

import Rookery

/// The spans of a request to `POST /v1/traces` (OTLP 1.9, `ExportTraceServiceRequest`).
package struct ReceivedTraces: Sendable {
    /// The body of a request is none of the protocol.
    package struct Malformed: Error, CustomStringConvertible {
        package let description: String
    }

    /// The most spans of a request: 16 384. With more, it is refused as a whole.
    package static let limit = 16_384

    /// The spans that are within their bounds.
    package private(set) var spans: [ReceivedSpan] = []
    /// How many spans are not.
    package private(set) var rejected = 0

    /// The attributes that are read.
    package static let attributes: Set = [
        "db.system", "db.system.name", "http.method", "http.request.method", "http.response.status_code", "http.route",
        "http.status_code", "messaging.system", "peer.service", "rookery.attempt", "rookery.command",
        "rookery.destination", "rookery.service", "rpc.status_code", "server.address", "server.port",
    ]

    /// Reads the body of a request. Throws ``Malformed``.
    package init(_ body: [UInt8], _ encoding: ExportSettings.Encoding) throws(Malformed) {
        switch encoding {
        case .json: try readJSON(body)
        case .protobuf: try readProtobuf(body)
        }
    }

    private mutating func take(_ received: ReceivedSpan) throws(Malformed) {
        guard spans.count + rejected < Self.limit else {
            throw Malformed(description: "the body has more than \(Self.limit) spans")
        }
        var span = received
        span.attributes = span.attributes.filter { $0.value.utf8.count <= 256 }
        if span.isValid { spans.append(span) } else { rejected += 1 }
    }

    private static let unknown = "unknown_service"

    private static let empty = ReceivedSpan(
        service: unknown, trace: "", id: "", parent: nil, name: "", kind: .unspecified, start: 0, end: 0,
        isFailure: false, attributes: [:])

    // MARK: JSON

    private mutating func readJSON(_ body: [UInt8]) throws(Malformed) {
        let value: JSONValue
        do {
            value = try JSONValue(parsing: body)
        } catch {
            throw Malformed(description: "the body is not JSON: \(error)")
        }
        guard case .object = value else { throw Malformed(description: "the body must be a JSON object") }
        for resourceSpans in value["resourceSpans"]?.arrayValue ?? [] {
            let resource = resourceSpans["resource"]?["attributes"]?.arrayValue ?? []
            let name = resource.last { $0["key"] == "service.name" }?["value"]?["stringValue"]?.stringValue
            for scope in resourceSpans["scopeSpans"]?.arrayValue ?? [] {
                for span in scope["spans"]?.arrayValue ?? [] { try take(Self.span(span, of: name ?? Self.unknown)) }
            }
        }
    }

    private static func span(_ value: JSONValue, of service: String) -> ReceivedSpan {
        func text(_ name: String) -> String { value[name]?.stringValue ?? "" }
        func time(_ name: String) -> UInt64 {
            value[name].flatMap { $0.stringValue.flatMap { UInt64($0) } ?? $0.intValue.flatMap { UInt64(exactly: $0) } }
                ?? 0
        }
        var span = empty
        (span.service, span.name) = (service, text("name"))
        (span.trace, span.id) = (text("traceId").lowercased(), text("spanId").lowercased())
        let parent = text("parentSpanId").lowercased()
        span.parent = parent.isEmpty ? nil : parent
        span.kind = value["kind"]?.intValue.flatMap { ReceivedSpan.Kind(rawValue: Int($0)) } ?? .unspecified
        (span.start, span.end) = (time("startTimeUnixNano"), time("endTimeUnixNano"))
        span.isFailure = value["status"]?["code"]?.intValue == 2
        for pair in value["attributes"]?.arrayValue ?? [] {
            guard let key = pair["key"]?.stringValue, attributes.contains(key), let any = pair["value"] else {
                continue
            }
            span.attributes[key] =
                any["stringValue"]?.stringValue
                ?? any["intValue"].flatMap { $0.stringValue ?? $0.intValue.map { "\($0)" } }
        }
        return span
    }

    // MARK: Protocol Buffers

    // The numbers of the fields are those of opentelemetry/proto/trace/v1/trace.proto, common/v1/common.proto and
    // resource/v1/resource.proto.

    /// Calls `body` with each field of a message.
    private static func fields(
        of bytes: ArraySlice<UInt8>, _ body: (ProtobufReader.Field) throws(Malformed) -> Void
    ) throws(Malformed) {
        var reader = ProtobufReader(bytes)
        while let field = reader.next() { try body(field) }
        if reader.isDamaged { throw Malformed(description: "the body is no message of Protocol Buffers") }
    }

    private mutating func readProtobuf(_ body: [UInt8]) throws(Malformed) {
        try Self.fields(of: body[...]) { resourceSpans throws(Malformed) in
            guard resourceSpans.number == 1 else { return }
            var service = Self.unknown
            let first = spans.count
            try Self.fields(of: resourceSpans.bytes) { field throws(Malformed) in
                if field.number == 1 {
                    try Self.fields(of: field.bytes) { attribute throws(Malformed) in
                        guard attribute.number == 1 else { return }
                        let (key, value) = try Self.pair(attribute.bytes)
                        if key == "service.name", let value { service = value }
                    }
                } else if field.number == 2 {
                    try Self.fields(of: field.bytes) { span throws(Malformed) in
                        if span.number == 2 { try take(try Self.span(span.bytes)) }
                    }
                }
            }
            // The resource may come behind its spans.
            guard (1...256).contains(service.utf8.count) else {
                rejected += spans.count - first
                spans.removeSubrange(first...)
                return
            }
            for at in first..<spans.count { spans[at].service = service }
        }
    }

    private static func span(_ bytes: ArraySlice<UInt8>) throws(Malformed) -> ReceivedSpan {
        var span = empty
        try fields(of: bytes) { field throws(Malformed) in
            switch field.number {
            case 1: span.trace = Hexadecimal.text(Array(field.bytes))
            case 2: span.id = Hexadecimal.text(Array(field.bytes))
            case 4: span.parent = field.bytes.isEmpty ? nil : Hexadecimal.text(Array(field.bytes))
            case 5: span.name = String(decoding: field.bytes, as: UTF8.self)
            case 6: span.kind = Int(exactly: field.integer).flatMap { ReceivedSpan.Kind(rawValue: $0) } ?? .unspecified
            case 7: span.start = field.integer
            case 8: span.end = field.integer
            case 9:
                let (key, value) = try pair(field.bytes)
                if attributes.contains(key), let value { span.attributes[key] = value }
            case 15:
                try fields(of: field.bytes) { status throws(Malformed) in
                    if status.number == 3 { span.isFailure = status.integer == 2 }
                }
            default: break
            }
        }
        return span
    }

    /// A key with its value, if that is a text or an integer.
    private static func pair(_ bytes: ArraySlice<UInt8>) throws(Malformed) -> (String, String?) {
        var (key, text): (String, String?) = ("", nil)
        try fields(of: bytes) { field throws(Malformed) in
            if field.number == 1 { key = String(decoding: field.bytes, as: UTF8.self) }
            guard field.number == 2 else { return }
            try fields(of: field.bytes) { value throws(Malformed) in
                if value.number == 1 { text = String(decoding: value.bytes, as: UTF8.self) }
                if value.number == 3 { text = "\(Int64(bitPattern: value.integer))" }
            }
        }
        return (key, text)
    }
}

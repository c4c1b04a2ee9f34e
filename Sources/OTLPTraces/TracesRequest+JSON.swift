package import Rookery

extension TracesRequest {
    /// The request as JSON, by OTLP's own mapping: ids are hexadecimal, and 64-bit integers are texts.
    package var json: JSONValue {
        [
            "resourceSpans": [
                [
                    "resource": ["attributes": Self.json(resource)],
                    "scopeSpans": [
                        ["scope": ["name": .string(Self.scope)], "spans": .array(spans.map(Self.json))] as JSONValue
                    ],
                ] as JSONValue
            ]
        ]
    }

    private static func json(_ span: BoundedSpan) -> JSONValue {
        var members: JSONObject = [:]
        members["traceId"] = .string(span.traceID)
        members["spanId"] = .string(span.spanID)
        if let parent = span.parentID { members["parentSpanId"] = .string(parent) }
        members["name"] = .string(name(span))
        members["kind"] = .int(Int64(kind(span)))
        members["startTimeUnixNano"] = .string("\(span.start)")
        members["endTimeUnixNano"] = .string("\(span.ended)")
        members["attributes"] = json(attributes(span))
        members["status"] = status(span) == 0 ? [:] : ["code": .int(Int64(status(span)))]
        return .object(members)
    }

    private static func json(_ attributes: [(name: String, value: AttributeValue)]) -> JSONValue {
        .array(
            attributes.map { name, value in
                let value: JSONValue =
                    switch value {
                    case .text(let text): ["stringValue": .string(text)]
                    case .integer(let value): ["intValue": .string("\(value)")]
                    case .real(let value): ["doubleValue": .double(value)]
                    case .bool(let value): ["boolValue": .bool(value)]
                    }
                return ["key": .string(name), "value": value]
            })
    }
}

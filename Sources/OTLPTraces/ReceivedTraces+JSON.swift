package import Rookery

extension ReceivedTraces {
    /// Spans as OTLP's JSON, for a file or another collector: those of a service together.
    package static func json(_ spans: [ReceivedSpan]) -> JSONValue {
        let byService = Dictionary(grouping: spans, by: \.service).sorted { $0.key < $1.key }
        return [
            "resourceSpans": .array(
                byService.map { service, spans in
                    [
                        "resource": ["attributes": .array([attribute("service.name", service)])],
                        "scopeSpans": [
                            ["scope": ["name": .string(TracesRequest.scope)], "spans": .array(spans.map(json))]
                                as JSONValue
                        ],
                    ] as JSONValue
                })
        ]
    }

    /// The attributes whose values are integers.
    static let integers: Set = [
        "http.response.status_code", "http.status_code", "rookery.attempt", "server.port",
    ]

    private static func attribute(_ name: String, _ value: String) -> JSONValue {
        integers.contains(name) && Int(value) != nil
            ? ["key": .string(name), "value": ["intValue": .string(value)]]
            : ["key": .string(name), "value": ["stringValue": .string(value)]]
    }

    private static func json(_ span: ReceivedSpan) -> JSONValue {
        var members: JSONObject = [:]
        members["traceId"] = .string(span.trace)
        members["spanId"] = .string(span.id)
        if let parent = span.parent { members["parentSpanId"] = .string(parent) }
        members["name"] = .string(span.name)
        members["kind"] = .int(Int64(span.kind.rawValue))
        members["startTimeUnixNano"] = .string("\(span.start)")
        members["endTimeUnixNano"] = .string("\(span.end)")
        members["attributes"] = .array(span.attributes.sorted { $0.key < $1.key }.map { attribute($0.key, $0.value) })
        members["status"] = span.isFailure ? ["code": 2] : [:]
        return .object(members)
    }
}

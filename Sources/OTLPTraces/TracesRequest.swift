package import Rookery
import Tracing

/// Spans of one process, to be sent to an OpenTelemetry collector: the body of `POST /v1/traces` (OTLP 1.9,
/// `ExportTraceServiceRequest`).
package struct TracesRequest: Sendable {
    /// What the process says about itself, such as `service.name`.
    let resource: [(name: String, value: AttributeValue)]
    let spans: [BoundedSpan]

    /// Makes a request with spans that have ended.
    package init(resource: [String: String], spans: [BoundedSpan]) {
        self.resource = resource.sorted { $0.key < $1.key }.map { ($0.key, .text($0.value)) }
        self.spans = spans
    }

    static let scope = "rookery"

    /// The attributes of a span, in the order of their names.
    ///
    /// The path of a request that no route matched is left out: a client may have put anything into it.
    static func attributes(_ span: BoundedSpan) -> [(name: String, value: AttributeValue)] {
        var found: [(name: String, value: AttributeValue)] = []
        span.attributes.forEach { name, value in
            if let value = AttributeValue(value) { found.append((name, value)) }
        }
        let hasRoute = found.contains { $0.name == "http.route" }
        return found.filter { hasRoute || $0.name != "url.path" }.sorted { $0.name < $1.name }
    }

    /// The name of a span. Of an HTTP request it is method and route, as OpenTelemetry's conventions say.
    static func name(_ span: BoundedSpan) -> String {
        let name = span.operationName
        if case .request(let method, _)? = span.details, name.hasPrefix("/") { return "\(method) \(name)" }
        return name
    }

    /// `SpanKind` of the protocol.
    static func kind(_ span: BoundedSpan) -> Int {
        switch span.kind {
        case .internal: 1
        case .server: 2
        case .client: 3
        case .producer: 4
        case .consumer: 5
        }
    }

    /// `StatusCode` of the protocol: unset, or error.
    static func status(_ span: BoundedSpan) -> Int { span.isFailure ? 2 : 0 }
}

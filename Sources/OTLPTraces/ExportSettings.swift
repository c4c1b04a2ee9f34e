import Foundation

/// Where spans are sent, and how: the `OTEL_*` variables of the OpenTelemetry specification 1.50.
package struct ExportSettings: Sendable, Equatable {
    /// How the body of a request is written.
    package enum Encoding: String, Sendable {
        case protobuf = "http/protobuf"
        case json = "http/json"
    }

    /// A variable has a value that cannot be used.
    package struct Invalid: Error, CustomStringConvertible {
        /// Names the variable, the value and what is expected.
        package let description: String
    }

    /// The whole URL.
    package let url: String
    package let encoding: Encoding
    /// Fields that each request carries, such as a token.
    package let headers: [(name: String, value: String)]
    /// How long one request may take.
    package let timeout: Duration
    /// What the process says about itself.
    package let resource: [String: String]
    /// The share of traces that is sent, 0 to 1. Spans that failed are always sent.
    package let share: Double
    /// How long spans wait for others.
    package let delay: Duration
    /// The most spans of one request, and the most that wait.
    package let (batch, queue): (Int, Int)

    package static func == (one: ExportSettings, other: ExportSettings) -> Bool { "\(one)" == "\(other)" }

    /// Reads the variables. Nil if they ask for no export of traces. `service` is the default of `service.name`. Throws ``Invalid``.
    package init?(_ variables: [String: String], service: String) throws {
        func text(_ name: String) -> String? {
            // An empty value counts as none.
            variables[name].flatMap { $0.isEmpty ? nil : $0 }
        }
        func ofTraces(_ name: String) -> String? {
            text("OTEL_EXPORTER_OTLP_TRACES_\(name)") ?? text("OTEL_EXPORTER_OTLP_\(name)")
        }
        func number(_ name: String, _ standard: Int) throws -> Int {
            guard let text = text(name) else { return standard }
            guard let value = Int(text), (1...1_000_000).contains(value) else {
                throw Invalid(description: "\(name) is \(text), and must be a number from 1 to 1000000")
            }
            return value
        }
        if text("OTEL_SDK_DISABLED")?.lowercased() == "true" { return nil }
        let exporter = text("OTEL_TRACES_EXPORTER")
        if exporter == "none" { return nil }
        if let exporter, exporter != "otlp" {
            throw Invalid(description: "OTEL_TRACES_EXPORTER is \(exporter), and must be otlp or none")
        }
        let own = text("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
        guard let endpoint = own ?? text("OTEL_EXPORTER_OTLP_ENDPOINT") ?? (exporter == nil ? nil : Self.standard)
        else { return nil }
        guard let parts = URL(string: endpoint), ["http", "https"].contains(parts.scheme), parts.host != nil else {
            throw Invalid(description: "the OTLP endpoint is \(endpoint), and must be a URL such as \(Self.standard)")
        }
        // Only the common one gets a path added.
        url = own ?? endpoint + (endpoint.hasSuffix("/") ? "" : "/") + "v1/traces"
        let name = ofTraces("PROTOCOL") ?? Encoding.protobuf.rawValue
        guard let encoding = Encoding(rawValue: name) else {
            throw Invalid(
                description: "OTEL_EXPORTER_OTLP_PROTOCOL is \(name), and must be http/protobuf or http/json")
        }
        self.encoding = encoding
        headers = try Self.pairs(ofTraces("HEADERS"), "OTEL_EXPORTER_OTLP_HEADERS")
        let traces = text("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT") != nil
        timeout = .milliseconds(
            try number(traces ? "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT" : "OTEL_EXPORTER_OTLP_TIMEOUT", 10_000))
        var resource = ["telemetry.sdk.language": "swift", "telemetry.sdk.name": "rookery"]
        for (name, value) in try Self.pairs(text("OTEL_RESOURCE_ATTRIBUTES"), "OTEL_RESOURCE_ATTRIBUTES") {
            resource[name] = value
        }
        resource["service.name"] = text("OTEL_SERVICE_NAME") ?? resource["service.name"] ?? service
        self.resource = resource
        share = try Self.share(text("OTEL_TRACES_SAMPLER"), text("OTEL_TRACES_SAMPLER_ARG"))
        delay = .milliseconds(try number("OTEL_BSP_SCHEDULE_DELAY", 5000))
        queue = try number("OTEL_BSP_MAX_QUEUE_SIZE", 2048)
        batch = min(queue, try number("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", 512))
    }

    private static let standard = "http://localhost:4318"

    /// Reads `name=value,name=value`, whose values are percent-encoded.
    private static func pairs(_ text: String?, _ variable: String) throws -> [(name: String, value: String)] {
        try (text ?? "").split(separator: ",").map { pair in
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map {
                $0.trimmingCharacters(in: .whitespaces)
            }
            guard parts.count == 2, !parts[0].isEmpty, let value = parts[1].removingPercentEncoding else {
                // The value may be a secret.
                throw Invalid(description: "\(variable) must be name=value, with commas between")
            }
            return (parts[0], value)
        }
    }

    private static func share(_ sampler: String?, _ argument: String?) throws -> Double {
        switch sampler {
        case nil, "always_on", "parentbased_always_on": return 1
        case "always_off", "parentbased_always_off": return 0
        case "traceidratio", "parentbased_traceidratio":
            guard let share = Double(argument ?? "1"), (0...1).contains(share) else {
                throw Invalid(description: "OTEL_TRACES_SAMPLER_ARG is \(argument ?? ""), and must be 0 to 1")
            }
            return share
        case let other?:
            throw Invalid(
                description:
                    "OTEL_TRACES_SAMPLER is \(other), and must be always_on, always_off or traceidratio, or one "
                    + "of these with parentbased_ before it")
        }
    }

    /// Whether the spans of a trace are sent. Every process decides alike, by the trace id alone.
    package func includes(traceLow: UInt64) -> Bool {
        if share >= 1 { return true }
        // The 56 lowest bits are random (W3C Trace Context, level 2).
        return Double(traceLow & (1 << 56 - 1)) < share * Double(1 << 56)
    }
}

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

    /// The whole URL. It may have a password.
    package let url: String
    /// Scheme, host and port of the URL, for messages.
    package let place: String
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
        /// The variable of traces, else the common one. The name is that of the variable that counts.
        func ofTraces(_ name: String) -> (name: String, text: String?) {
            let (own, common) = ("OTEL_EXPORTER_OTLP_TRACES_\(name)", "OTEL_EXPORTER_OTLP_\(name)")
            return text(own).map { (own, $0) } ?? (common, text(common))
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
        let place = ofTraces("ENDPOINT")
        guard let endpoint = place.text ?? (exporter == nil ? nil : Self.standard) else { return nil }
        guard let parts = URL(string: endpoint), let scheme = parts.scheme, ["http", "https"].contains(scheme),
            let host = parts.host
        else {
            throw Invalid(description: "\(place.name) must be a URL such as \(Self.standard)")
        }
        self.place = "\(scheme)://\(host)\(parts.port.map { ":\($0)" } ?? "")"
        // Only the common one gets a path added.
        url = own ?? endpoint + (endpoint.hasSuffix("/") ? "" : "/") + "v1/traces"
        let wanted = ofTraces("PROTOCOL")
        guard let encoding = Encoding(rawValue: wanted.text ?? Encoding.protobuf.rawValue) else {
            throw Invalid(
                description:
                    "\(wanted.name) is \(wanted.text ?? ""), and must be http/protobuf or http/json, which collectors "
                    + "take at port 4318")
        }
        self.encoding = encoding
        let fields = ofTraces("HEADERS")
        headers = try Self.pairs(fields.text, fields.name)
        timeout = .milliseconds(try number(ofTraces("TIMEOUT").name, 10_000))
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
                $0.trimmingCharacters(in: .whitespacesAndNewlines)
            }
            guard parts.count == 2, !parts[0].isEmpty, let value = parts[1].removingPercentEncoding,
                value.unicodeScalars.allSatisfy({ $0.value >= 32 && $0.value != 127 })
            else {
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

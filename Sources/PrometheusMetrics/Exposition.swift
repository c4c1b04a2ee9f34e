/// What a Prometheus server reads: the text format 0.0.4, or OpenMetrics 1.0.
public enum Exposition: Sendable {
    case text
    case openMetrics

    /// Chooses by the `Accept` field of a request. Default: the text format.
    public init(accepting field: String?) {
        self = field?.contains("application/openmetrics-text") == true ? .openMetrics : .text
    }

    /// The media type.
    public var contentType: String {
        switch self {
        case .text: "text/plain; version=0.0.4; charset=utf-8"
        case .openMetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8"
        }
    }

    /// All families of a registry, each with its series together, and then those of the process.
    public func body(_ registry: PrometheusRegistry) -> String {
        var lines: [String] = []
        for (name, family) in registry.all { lines += text(name, family) }
        lines += ProcessMetrics.read().flatMap { text($0.name, $0.family) }
        if self == .openMetrics { lines.append("# EOF") }
        return lines.joined(separator: "\n") + "\n"
    }

    private func text(_ name: String, _ family: PrometheusRegistry.Family) -> [String] {
        let suffix = family.kind == .counter ? "_total" : ""
        // In the text format, a counter's family has the name of its samples.
        let shown = self == .text ? name + suffix : name
        var lines = ["# TYPE \(shown) \(family.kind.rawValue)"]
        if self == .openMetrics {
            for unit in ["seconds", "bytes"] where name.hasSuffix("_" + unit) { lines.append("# UNIT \(name) \(unit)") }
        }
        lines.append("# HELP \(shown) \(Self.help(name))")
        for (labels, series) in family.series.sorted(by: { $0.key.text() < $1.key.text() }) {
            let state = series.current
            if family.kind == .histogram {
                var sum = 0
                let bounds = Series.bounds.map { "\($0)" } + ["+Inf"]
                for (at, bound) in bounds.enumerated() {
                    sum += state.buckets[at]
                    // The text format has no exemplars.
                    let exemplar = self == .openMetrics ? state.exemplars[at].map { " " + $0.text } ?? "" : ""
                    lines.append("\(name)_bucket\(labels.text(("le", bound))) \(sum)\(exemplar)")
                }
                lines.append("\(name)_sum\(labels.text()) \(state.value)")
                lines.append("\(name)_count\(labels.text()) \(state.count)")
            } else {
                lines.append("\(name)\(suffix)\(labels.text()) \(state.value)")
            }
        }
        return lines
    }

    private static func help(_ name: String) -> String {
        switch name {
        case "rpc_client_call_duration_seconds": "How long calls took, by destination, command and code."
        case "rpc_server_call_duration_seconds": "How long handlers took, by service, command and code."
        case "rpc_client_active_calls": "Calls in flight at the client."
        case "rpc_server_active_calls": "Messages being handled at the server."
        case "rookery_client_decisions": "What the guards of a client decided."
        case "rookery_server_decisions": "What a server refused before a handler ran."
        case "rookery_client_instances": "Instances of a destination, as the client sees them, by state."
        case "rookery_client_open_breakers": "Breakers of groups and instances that are not closed."
        case "rookery_client_attempts": "Attempts under way."
        case "rookery_client_connections": "Connections to a destination that are open or being opened."
        case "rookery_client_retries_available": "Retries that the budget of a destination covers."
        case "rookery_server_connections": "Connections of a server, open or with handlers that have not returned."
        case "rookery_server_memory_bytes": "What a server holds for its peers: requests, partial frames and replies."
        case "rookery_server_messages": "Messages being handled."
        case "petpro_database_jobs_waiting": "Reads and writes that wait for a thread of the database."
        case "petpro_events_lacking": "Events that a subscriber has not been told of."
        case "petpro_events_blocked": "Aggregates whose next event waits for a retry."
        case "petpro_dead_letters": "Events that a subscriber did not take."
        default: name.split(separator: "_").joined(separator: " ") + "."
        }
    }
}

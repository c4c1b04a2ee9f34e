/// What a family counts.
enum MetricKind: String, Sendable {
    case counter, gauge, histogram
}

/// A value of a histogram, with the trace that it was of (OpenMetrics 1.0, Exemplars).
struct Exemplar: Sendable, Hashable {
    /// 32 hexadecimal digits.
    let trace: String
    let value: Double
    /// Seconds since 1970.
    let at: Double

    /// How it follows the value of a bucket.
    var text: String { "# {trace_id=\"\(trace)\"} \(value) \(at)" }
}

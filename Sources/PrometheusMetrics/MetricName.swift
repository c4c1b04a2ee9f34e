/// The name of a family, as Prometheus writes it: letters, digits and `_`, with the unit at its end.
struct MetricName: Sendable, Hashable {
    let text: String

    /// `rpc.server.call.duration` as a histogram of seconds is `rpc_server_call_duration_seconds`. The `_total` of a counter is not
    /// part of its family's name.
    init(_ label: String, of kind: MetricKind, unit: String? = nil) {
        var name = String(label.map { $0.isASCII && ($0.isLetter || $0.isNumber) ? $0 : "_" })
        if name.isEmpty || name.first?.isNumber == true { name = "_" + name }
        if kind == .counter, name.hasSuffix("_total") { name.removeLast("_total".count) }
        if let unit, !name.hasSuffix("_" + unit) { name += "_" + unit }
        text = name
    }
}

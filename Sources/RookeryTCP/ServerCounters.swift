import CoreMetrics

/// Counts a server's decisions: `rookery_server_decisions_total`, by service and decision.
struct ServerCounters: Sendable {
    private let counters: [ServerDecision: Counter]

    init(_ service: String) {
        counters = Dictionary(
            uniqueKeysWithValues: ServerDecision.allCases.map { decision in
                let dimensions = [("service", service), ("decision", decision.rawValue)]
                return (decision, Counter(label: "rookery_server_decisions_total", dimensions: dimensions))
            })
    }

    func count(_ decision: ServerDecision) { counters[decision]?.increment() }
}

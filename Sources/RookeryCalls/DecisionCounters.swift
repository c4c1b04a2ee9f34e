import CoreMetrics
import RookeryPolicies

/// Counts the decisions of a destination, one metric per kind of decision.
struct DecisionCounters: Sendable {
    private let counters: [String: Counter]

    init(destination: String) {
        var counters: [String: Counter] = [:]
        for kind in [
            "picked", "retried", "reopened", "not_retried", "rejected", "limited", "ejected", "unreachable", "breaker",
            "observed",
        ] {
            counters[kind] = Counter(
                label: "rookery_client_decisions_total", dimensions: [("destination", destination), ("decision", kind)])
        }
        self.counters = counters
    }

    func count(_ decision: CallDecision) { counters[decision.kind]?.increment() }
}

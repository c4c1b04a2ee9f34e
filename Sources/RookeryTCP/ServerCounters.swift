import CoreMetrics

/// Counts a server's decisions.
struct ServerCounters: Sendable {
    let shed: Counter
    let wouldShed: Counter
    let late: Counter
    let refusedConnections: Counter

    init(_ service: String) {
        func counter(_ decision: String) -> Counter {
            Counter(
                label: "rookery_server_decisions_total", dimensions: [("service", service), ("decision", decision)])
        }
        shed = counter("shed")
        wouldShed = counter("would_shed")
        late = counter("late")
        refusedConnections = counter("refused_connection")
    }
}

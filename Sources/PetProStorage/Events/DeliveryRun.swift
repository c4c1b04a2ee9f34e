/// What one run does with the next events of the log, for one subscriber.
struct DeliveryRun: Sendable {
    /// What is to be written after the run.
    struct Outcome: Hashable {
        /// The new position of the subscriber.
        var cursor: Int
        /// The aggregates that wait from now on, or from before, with the first event that waits.
        var blocked: [BlockedAggregate]
    }

    private let last: Int
    /// The events to deliver, in order, for each aggregate.
    let sequences: [[PublishedEvent]]
    /// The first events about aggregates that are blocked already.
    private let waiting: [PublishedEvent]

    /// Makes a run over the next events of the log. `wanted` has the types that the subscriber is told of.
    init(_ events: [PublishedEvent], blocked: Set<String>, wanted: Set<String>) {
        last = events.last?.position ?? 0
        var order: [String] = []
        var byAggregate: [String: [PublishedEvent]] = [:]
        var waiting: [String: PublishedEvent] = [:]
        for event in events where wanted.contains(event.type) {
            if blocked.contains(event.aggregate) {
                if waiting[event.aggregate] == nil { waiting[event.aggregate] = event }
            } else {
                if byAggregate[event.aggregate] == nil { order.append(event.aggregate) }
                byAggregate[event.aggregate, default: []].append(event)
            }
        }
        sequences = order.compactMap { byAggregate[$0] }
        self.waiting = waiting.values.sorted { $0.position < $1.position }
    }

    /// What to write after the events were acknowledged or failed. Nil when nothing changes, because the subscriber answered
    /// nothing: then it is at fault, and not the events.
    func outcome(_ results: [DeliveryResult]) -> Outcome? {
        let failed = results.filter { $0.failure != nil }
        if !failed.isEmpty, !results.contains(where: \.isAnswered) { return nil }
        let new = failed.compactMap { result in
            result.next.map {
                BlockedAggregate(
                    aggregate: $0.aggregate, position: $0.position, attempts: 1,
                    error: result.failure?.description ?? "")
            }
        }
        let old = waiting.map {
            BlockedAggregate(aggregate: $0.aggregate, position: $0.position, attempts: 0, error: "")
        }
        return Outcome(cursor: last, blocked: new + old)
    }
}

import Rookery

/// An aggregate whose events wait for one that a subscriber did not acknowledge. Events about other aggregates go on.
struct BlockedAggregate: Sendable, Hashable {
    let aggregate: String
    /// The position of the event that failed.
    let position: Int
    /// How often it failed.
    let attempts: Int
    /// Why it failed last.
    let error: String

    /// After so many failed attempts, an event is a dead letter, and those after it go on: 10.
    static let limit = 10

    /// Returns how long to wait after a failed attempt: 100 ms, doubling to 10 s.
    static func delay(attempts: Int) -> Duration {
        min(.milliseconds(100) * (1 << min(max(attempts - 1, 0), 7)), .seconds(10))
    }

    /// What is to be written after another attempt, which began with the event at ``position``.
    enum Outcome: Hashable {
        /// All events up to the last one of the attempt were acknowledged.
        case done(upTo: Int)
        /// The aggregate stays blocked.
        case blocked(BlockedAggregate)
        /// The event is a dead letter. The next attempt begins after it.
        case dead(PublishedEvent, attempts: Int, error: String)
        /// Nothing changes.
        case unchanged
    }

    /// `isAnswering` says that the subscriber answered others while it did not answer this event.
    func outcome(_ result: DeliveryResult, isAnswering: Bool) -> Outcome {
        guard let next = result.next else {
            return result.events.last.map { .done(upTo: $0.position) } ?? .done(upTo: position)
        }
        // Attempts count for one event. Another one that fails begins anew.
        var attempts = next.position == position ? self.attempts : 0
        var error = ""
        if let failure = result.failure, failure.kind == .refused || failure.kind == .unanswered && isAnswering {
            attempts += 1
            error = failure.description
            if attempts >= Self.limit { return .dead(next, attempts: attempts, error: error) }
        } else if result.delivered == 0 {
            return .unchanged
        }
        return .blocked(
            BlockedAggregate(aggregate: aggregate, position: next.position, attempts: attempts, error: error))
    }
}

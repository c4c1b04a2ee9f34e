/// How the delivery of events about one aggregate ended: some at the front were acknowledged, and the next one perhaps failed.
struct DeliveryResult: Sendable {
    let events: [PublishedEvent]
    /// How many were acknowledged.
    let delivered: Int
    /// Why the next one was not. Nil when all were acknowledged, or the delivery was cancelled.
    let failure: DeliveryFailure?

    /// Whether the subscriber answered at least once.
    var isAnswered: Bool { delivered > 0 || failure?.kind == .refused }

    /// The first event that was not acknowledged. Nil when all were.
    var next: PublishedEvent? { delivered < events.count ? events[delivered] : nil }
}

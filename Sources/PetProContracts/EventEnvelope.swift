public import Rookery

/// An event in the form that subscribers receive.
///
/// A subscriber takes an event if its epoch is above that of the last event about the same aggregate, or equal with a higher
/// version. It ignores any other, because the data of the newest event is the whole state.
@Message
public struct EventEnvelope<Content: MessageValue> {
    /// The event's unique id.
    @Line(1...64) @NotPersonal("random") public var eventId: String
    /// The type, such as `booking.created`.
    @Line(1...64) @NotPersonal("the type of the event") public var type: String
    public var occurredAt: Instant
    /// What it is about, such as `booking-12`. Nil from a publisher without versions.
    @Line(1...64) @NotPersonal("a kind and an id") public var aggregate: String?
    /// The number of the publisher's log, which rises when a backup is restored.
    public var epoch: Int?
    /// The number of the event among those about its aggregate, from 1.
    public var version: Int?
    public var data: Content
}

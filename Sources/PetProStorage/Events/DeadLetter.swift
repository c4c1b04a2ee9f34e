public import PetProContracts
public import Rookery

/// An event that a subscriber refused, or did not answer while it answered others, in ten attempts. It is not delivered again,
/// unless an operator wants that.
public struct DeadLetter: Sendable {
    /// The service that refused it.
    public let subscriber: ServiceName
    /// The event's place in the log.
    public let position: Int
    /// What it is about, such as `booking-12`.
    public let aggregate: String
    /// Its type, such as `booking.created`.
    public let type: String
    /// How often it was refused.
    public let attempts: Int
    /// Why it was refused last.
    public let error: String
    /// When it was refused last.
    public let diedAt: Instant
    /// Whether it waits to be delivered again.
    public let isReplayed: Bool
}

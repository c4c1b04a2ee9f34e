public import PetProContracts

/// What a subscriber lacks of a log.
public struct SubscriptionState: Sendable, Hashable {
    /// The service that is told.
    public let subscriber: ServiceName
    /// Its position: up to where it has been told.
    public let cursor: Int
    /// How many events after its position it is told of.
    public let lacking: Int
    /// How many aggregates wait for a retry.
    public let blocked: Int
    /// How many events it did not take, and never will unless they are replayed.
    public let deadLetters: Int
}

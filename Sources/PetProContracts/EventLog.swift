public import Rookery

/// What a service tells the console about its log of events, and does with it.
@Contract
public protocol EventLogAPI: Sendable {
    /// Returns where the log ends, its newest events, what each subscriber lacks, and dead letters.
    @MessagePattern(cmd: "describe-event-log", .safe, group: "telemetry", errors: [])
    func describeEventLog(_ request: DescribeEventLog) async throws -> EventLogDescription
    /// Marks a dead letter for another delivery by the relay. If the subscriber refuses it again, it stays a dead letter.
    @MessagePattern(cmd: "replay-dead-letter", .safe, group: "telemetry", errors: [])
    func replayDeadLetter(_ request: ReplayDeadLetter) async throws -> DeadLetterReplay
}

/// Names a dead letter.
@Message
public struct ReplayDeadLetter {
    /// The subscriber that refused the event, such as `booking`.
    @Length(1...256) @NotPersonal("the name of a service") public var subscriber: String
    /// The position of the event in the publisher's log, from 1.
    @InRange(1...) public var position: Int
}

/// Whether there was such a dead letter.
@Message
public struct DeadLetterReplay {
    public var isFound: Bool
}

/// Asks about the log of events.
@Message
public struct DescribeEventLog {
    /// The most events, and the most dead letters.
    @InRange(1...200) public var limit: Int
}

/// The state of a service's log of events.
@Message
public struct EventLogDescription: Hashable {
    /// The position of the newest event; 0 for an empty log.
    @InRange(0...) public var last: Int
    /// The newest events, newest first.
    @Items(0...200) public var newest: [EventSummary]
    /// The services that are told of some event.
    @Items(0...16) public var subscribers: [SubscriberSummary]
    /// Dead letters, by subscriber and position.
    @Items(0...200) public var deadLetters: [DeadLetterSummary]
}

/// An event of a log, without its data.
@Message
public struct EventSummary: Hashable {
    @InRange(1...) public var position: Int
    /// What it is about, such as `booking-12`.
    @Length(1...256) @NotPersonal("a kind and a number") public var about: String
    /// The number of the event among those about the same thing, from 1.
    @InRange(1...) public var version: Int
    @Length(1...256) @NotPersonal("the type of an event") public var type: String
    public var occurredAt: Instant
}

/// What a subscriber lacks of a log.
@Message
public struct SubscriberSummary: Hashable {
    @Length(1...256) @NotPersonal("the name of a service") public var service: String
    /// Up to which position the subscriber has been told.
    @InRange(0...) public var cursor: Int
    /// How many events after that it is to be told of.
    @InRange(0...) public var lacking: Int
    /// How many things' next event waits for a retry.
    @InRange(0...) public var blocked: Int
    /// How many events it did not take.
    @InRange(0...) public var deadLetters: Int
}

/// An event that a subscriber did not take.
@Message
public struct DeadLetterSummary: Hashable {
    @Length(1...256) @NotPersonal("the name of a service") public var subscriber: String
    @InRange(1...) public var position: Int
    @Length(1...256) @NotPersonal("a kind and a number") public var about: String
    @Length(1...256) @NotPersonal("the type of an event") public var type: String
    @InRange(0...) public var attempts: Int
    /// The code of the last refusal.
    @Length(0...256) @NotPersonal("the code of an error") public var code: String
    public var diedAt: Instant
    /// Whether it waits to be delivered again.
    public var isReplayed: Bool
}

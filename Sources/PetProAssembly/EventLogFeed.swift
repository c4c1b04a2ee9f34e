package import PetProContracts
package import PetProStorage
import Rookery

/// Tells the console about a service's log of events.
package struct EventLogFeed: EventLogAPI {
    private let publisher: ServiceName
    private let database: Database

    /// Makes a feed of the log in a service's database.
    package init(of publisher: ServiceName, in database: Database) {
        self.publisher = publisher
        self.database = database
    }

    package func describeEventLog(_ request: DescribeEventLog) async throws -> EventLogDescription {
        let (publisher, limit) = (self.publisher, request.limit)
        return try await database.read { transaction in
            let last = try transaction.lastEventPosition()
            return EventLogDescription(
                last: last, newest: try transaction.eventSummaries(after: last - limit).reversed(),
                subscribers: try transaction.subscriptions(of: publisher).map { subscription in
                    SubscriberSummary(
                        service: subscription.subscriber.rawValue, cursor: subscription.cursor,
                        lacking: subscription.lacking, blocked: subscription.blocked,
                        deadLetters: subscription.deadLetters)
                },
                deadLetters: try transaction.deadLetters(limit: limit).map { letter in
                    DeadLetterSummary(
                        subscriber: letter.subscriber.rawValue, position: letter.position, about: letter.aggregate,
                        type: letter.type, attempts: letter.attempts,
                        code: String(letter.error.prefix { $0 != ":" }).cut(toBytes: 256), diedAt: letter.diedAt,
                        isReplayed: letter.isReplayed)
                })
        }
    }

    package func replayDeadLetter(_ request: ReplayDeadLetter) async throws -> DeadLetterReplay {
        guard let subscriber = ServiceName(rawValue: request.subscriber) else {
            return DeadLetterReplay(isFound: false)
        }
        let position = request.position
        return DeadLetterReplay(
            isFound: try await database.write { try $0.replayDeadLetter(of: subscriber, at: position) })
    }
}

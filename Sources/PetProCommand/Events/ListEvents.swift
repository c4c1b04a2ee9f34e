import ArgumentParser
import CommandSupport
import PetProContracts
import PetProStorage
import Rookery

struct ListEvents: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "Lists each subscriber with the events that it lacks, and the dead letters.",
        discussion: """
            A dead letter is an event that its subscriber refused, or did not answer while it answered others, in ten \
            attempts. `replay` and `discard` take its position, its publisher and its subscriber.
            """)

    @Flag(help: "Print JSON, one line for each subscriber and each dead letter.")
    var json = false
    @OptionGroup var store: StoreOptions

    func run() async throws {
        var isAny = false
        for publisher in ServiceName.allCases {
            guard let database = try EventStore.open(publisher, store, isWriting: false) else { continue }
            defer { try? database.close() }
            isAny = true
            let (subscriptions, letters) = try await database.read { transaction in
                (try transaction.subscriptions(of: publisher), try transaction.deadLetters(limit: 10_000))
            }
            for subscription in subscriptions { show(publisher, subscription) }
            for letter in letters { show(publisher, letter) }
        }
        if !isAny {
            throw CommandFailure("there is no database: name the place with --data or --database")
        }
    }

    private func show(_ publisher: ServiceName, _ subscription: SubscriptionState) {
        if json {
            let object: JSONValue = [
                "publisher": .string(publisher.rawValue), "subscriber": .string(subscription.subscriber.rawValue),
                "lacks": .int(Int64(subscription.lacking)), "blocked": .int(Int64(subscription.blocked)),
                "deadLetters": .int(Int64(subscription.deadLetters)),
            ]
            return Terminal.line(object.jsonText)
        }
        let blocked =
            subscription.blocked == 0
            ? "" : ", and \(subscription.blocked) aggregates wait for a retry (their events are not counted)"
        Terminal.line(
            Terminal.strong("\(publisher.rawValue) → \(subscription.subscriber.rawValue)")
                + "  lacks \(subscription.lacking) events\(blocked)")
    }

    private func show(_ publisher: ServiceName, _ letter: DeadLetter) {
        if json {
            let object: JSONValue = [
                "publisher": .string(publisher.rawValue), "subscriber": .string(letter.subscriber.rawValue),
                "position": .int(Int64(letter.position)), "type": .string(letter.type),
                "about": .string(letter.aggregate), "attempts": .int(Int64(letter.attempts)),
                "error": .string(letter.error), "diedAt": .string(letter.diedAt.description),
                "replayed": .bool(letter.isReplayed),
            ]
            return Terminal.line(object.jsonText)
        }
        Terminal.line(
            "  dead letter \(letter.position) for \(letter.subscriber.rawValue): \(letter.type) about \(letter.aggregate), "
                + "\(letter.attempts) attempts, \(letter.diedAt)\(letter.isReplayed ? ", waits to be replayed" : "")")
        Terminal.line("    \(letter.error)")
    }
}

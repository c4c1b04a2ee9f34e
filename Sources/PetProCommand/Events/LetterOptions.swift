public import ArgumentParser
import CommandSupport
public import PetProContracts
import PetProStorage

/// Names a dead letter.
struct LetterOptions: ParsableArguments {
    @Argument(help: "The position of the dead letter, as `petpro events list` shows it.")
    var position: Int
    @Option(help: "The service that published the event.")
    var publisher: ServiceName
    @Option(help: "The subscriber that did not acknowledge it.")
    var subscriber: ServiceName
    @OptionGroup var store: StoreOptions

    var missing: CommandFailure {
        CommandFailure(
            "there is no dead letter \(position) of \(publisher.rawValue) for \(subscriber.rawValue): "
                + "`petpro events list` shows all")
    }

    /// Runs `body` in the publisher's database.
    func write(_ body: @escaping @Sendable (Transaction) throws -> Bool) async throws -> Bool {
        guard let database = try EventStore.open(publisher, store, isWriting: true) else { throw missing }
        defer { try? database.close() }
        return try await database.write(body)
    }
}

extension ServiceName: ExpressibleByArgument {}

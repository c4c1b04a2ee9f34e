import ArgumentParser
import CommandSupport
import PetProContracts
import PetProStorage

struct DiscardEvent: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "discard", abstract: "Drops a dead letter for good.")

    @OptionGroup var letter: LetterOptions

    func run() async throws {
        let (subscriber, position) = (letter.subscriber, letter.position)
        let isThere = try await letter.write { try $0.discardDeadLetter(of: subscriber, at: position) }
        if !isThere { throw letter.missing }
        Terminal.line("dropped \(position) for \(subscriber.rawValue)")
    }
}

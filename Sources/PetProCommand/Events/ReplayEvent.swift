import ArgumentParser
import CommandSupport
import PetProContracts
import PetProStorage

struct ReplayEvent: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "replay",
        abstract: "Delivers a dead letter once more.",
        discussion: """
            A subscriber that has a newer event about the same aggregate acknowledges the old one without an effect. One that \
            refuses it again leaves it a dead letter.
            """)

    @OptionGroup var letter: LetterOptions

    func run() async throws {
        let (subscriber, position) = (letter.subscriber, letter.position)
        let isThere = try await letter.write { try $0.replayDeadLetter(of: subscriber, at: position) }
        if !isThere { throw letter.missing }
        Terminal.line("the relay will deliver \(position) to \(subscriber.rawValue) once more")
    }
}

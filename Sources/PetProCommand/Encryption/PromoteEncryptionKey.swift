import ArgumentParser
import CommandSupport

struct PromoteEncryptionKey: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "promote",
        abstract: "Uses a key that every host has, for example a prepared one.")

    @Argument(help: "The id of the key, as `petpro encryption list` shows it.")
    var id: String
    @OptionGroup var encryption: EncryptionOptions

    func run() async throws {
        try encryption.promote(id)
        Terminal.line("use key \(id) of \(encryption.path)")
    }
}

import ArgumentParser
import CommandSupport
import PetProStorage
import RookeryCore

struct RotateEncryptionKey: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rotate",
        abstract: "Makes a new key, and uses it. No call fails.",
        discussion: """
            It takes a second: first every running service reads the new key, then they encrypt with it. Where hosts have \
            copies of the file, use --prepare, copy the file to all hosts, then `petpro encryption promote ID`, and copy it \
            again. After that, running services seal all data keys with the new encryption key, in the background. A service that \
            started without field keys uses them after its next start.
            """)

    @Flag(help: "Only add the key, which then only decrypts.")
    var prepare = false
    @OptionGroup var encryption: EncryptionOptions

    func run() async throws {
        if try encryption.begin() { return Terminal.line("made the first key in \(encryption.path)") }
        let id = try encryption.update { $0.preparing() }
        if prepare { return Terminal.line("prepared key \(id) in \(encryption.path)") }
        try await Task.sleep(for: .milliseconds(1200))
        try encryption.promote(id)
        Terminal.line("made key \(id) in \(encryption.path)")
    }
}

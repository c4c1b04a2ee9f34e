import ArgumentParser
import CommandSupport
import PetProStorage

struct RotateEncryptionKey: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rotate",
        abstract: "Makes a new encryption key. Running services seal all data keys with it, in the background.",
        discussion: """
            Where hosts have copies of the file, copy it to all of them at once: a service cannot read what a key seals that \
            it does not have.
            """)

    @OptionGroup var encryption: EncryptionOptions

    func run() async throws {
        let id = try encryption.update { keys in
            let rotated = keys.rotated()
            return (rotated, rotated.ids.last ?? "")
        }
        Terminal.line("made encryption key \(id) in \(encryption.file)")
    }
}

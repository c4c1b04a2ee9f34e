import ArgumentParser
import CommandSupport
import PetProContracts
import PetProStorage
import RookeryCore

struct RetireEncryptionKey: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "retire",
        abstract: "Takes a key away that no data key needs.",
        discussion: "It looks at the databases of this host only. Services on other hosts must not need the key either."
    )

    @Argument(help: "The id of the key, as `petpro encryption list` shows it.")
    var id: String
    @OptionGroup var encryption: EncryptionOptions

    func run() async throws {
        let left = try encryption.use().filter { $0.keys[id, default: 0] > 0 }
        guard left.isEmpty else {
            let services = left.map { "\($0.service.rawValue) (\($0.keys[id] ?? 0))" }.joined(separator: ", ")
            throw CommandFailure(
                "the key \(id) still seals data keys of \(services): running services seal them with the newest key after "
                    + "`petpro encryption rotate`; start them, and try again")
        }
        try encryption.update { keys in
            guard let rest = keys.without(id) else {
                if keys.newest.id != id { throw encryption.unknown(id) }
                throw CommandFailure("\(id) is the key in use: `petpro encryption rotate` first")
            }
            return (rest, ())
        }
        Terminal.line("retired key \(id)")
    }
}

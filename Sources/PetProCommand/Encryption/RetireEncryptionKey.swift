import ArgumentParser
import CommandSupport
import PetProContracts
import PetProStorage
import RookeryCore

struct RetireEncryptionKey: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "retire",
        abstract: "Removes a key that is no longer needed.",
        discussion: """
            An encryption key must seal no data key of this host; look at other hosts with `petpro encryption list` there. A \
            backup of a key store from before the rotation still needs the old key. With --fields nothing is checked: wait \
            until every service uses the new key, some seconds after `rotate`.
            """)

    @Argument(help: "The id of the key, as `petpro encryption list` shows it.")
    var id: String
    @OptionGroup var encryption: EncryptionOptions

    func run() async throws {
        let left = try encryption.use().filter { $0.keys[id, default: 0] > 0 }
        guard left.isEmpty else {
            let services = left.map { "\($0.service.rawValue) (\($0.keys[id] ?? 0))" }.joined(separator: ", ")
            throw CommandFailure(
                "the key \(id) still seals data keys of \(services): running services seal them with the newest key after "
                    + "`petpro encryption rotate\(encryption.again)`; start them, and try again")
        }
        try encryption.update { keys in
            guard let rest = keys.without(id) else {
                if keys.sealing.id != id { throw encryption.unknown(id) }
                throw CommandFailure("\(id) is the key that seals: `petpro encryption rotate\(encryption.again)` first")
            }
            return (rest, ())
        }
        Terminal.line("retired key \(id)")
    }
}

import ArgumentParser
import CommandSupport
import PetProRuntime
import Rookery

struct RevokeKey: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "revoke",
        abstract: "Revokes a key. Running services refuse it within a second, on open connections too.")

    @Argument(help: "The id of the key, as `petpro keys list` shows it.")
    var id: String
    @OptionGroup var keyring: KeyringOptions

    func run() async throws {
        let now = Instant.current()
        let isKnown = try keyring.update { keyring in
            keyring.update(id) { if $0.revokedAt == nil { $0.revokedAt = now } }
        }
        guard isKnown else { throw CommandFailure("the keyring has no key \(id): `petpro keys list` shows all") }
        Terminal.line("revoked key \(id)")
    }
}

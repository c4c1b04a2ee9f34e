import ArgumentParser
import CommandSupport
import PetProAssembly
import PetProRuntime
import Rookery

struct RotateKey: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rotate",
        abstract: "Gives a service a new key while it runs. No call fails.",
        discussion: """
            The new key has the scopes of the newest active one. Both are valid until the old ones expire after \
            --overlap. Where hosts have copies of the keyring, rotate with --prepare on one host, copy the keyring to \
            all, and then copy the key's file to the service's own hosts: every server must know the new key before a \
            client shows it.
            """)

    @Argument(help: "The name of the service.")
    var service: String
    @Option(help: "How long the old keys stay valid.")
    var overlap: Duration = .seconds(600)
    @Option(help: "After how many days the new key expires, at most 3650. 0: never.")
    var days = 0
    @Option(
        help: ArgumentHelp(
            "Write the new key to this file, not to the one in use, and leave the old keys as they are.",
            valueName: "file"))
    var prepare: String?
    @OptionGroup var keyring: KeyringOptions

    func validate() throws {
        guard (0...3650).contains(days) else { throw ValidationError("--days must be 0 to 3650") }
        if overlap < .seconds(2) {
            throw ValidationError("--overlap must be at least 2s: clients take a moment to change")
        }
    }

    func run() async throws {
        let now = Instant.current()
        let active = try keyring.read().records.filter { $0.service == service && $0.state(at: now) == .active }
        guard let newest = active.last else {
            throw CommandFailure("\(service) has no active key: `petpro keys create \(service)` makes one")
        }
        let folder = keyring.folder
        let key = try ServiceKey(environment: environment(folder))
        let record = KeyRecord(
            key, of: service, scopes: newest.scopes, createdAt: now,
            notAfter: days == 0 ? nil : now + .seconds(days * 86_400))
        let file = prepare ?? folder.key(of: service)
        _ = try keyring.update { keyring in
            _ = keyring.add(record)
            guard prepare == nil else { return }
            for old in active { keyring.expire(old.id, at: now + overlap) }
        }
        do {
            try folder.write(key, to: file)
        } catch {
            // Nobody has the new key, and the old ones must stay valid.
            _ = try keyring.update { keyring in
                for old in active { _ = keyring.update(old.id) { $0.notAfter = old.notAfter } }
                _ = keyring.update(key.id) { $0.revokedAt = now }
            }
            throw CommandFailure("cannot write \(file): \(error)")
        }
        let until = prepare == nil ? "; the old ones are valid until \(now + overlap)" : ""
        Terminal.line("made key \(key.id) of \(service) in \(file)\(until)")
    }

    /// The environment of the key in use, or `live`.
    private func environment(_ folder: KeyFolder) -> String {
        (try? folder.readKey(of: service))?.environment ?? "live"
    }
}

extension Keyring {
    /// Has a key expire at an instant, unless it expires earlier.
    fileprivate mutating func expire(_ id: String, at instant: Instant) {
        _ = update(id) { record in record.notAfter = min(record.notAfter ?? instant, instant) }
    }
}

import ArgumentParser
import CommandSupport
import Foundation
import PetProAssembly
import PetProRuntime
import Rookery

struct RotateKey: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rotate",
        abstract: "Gives a service a new key while it runs. No call fails.",
        discussion: """
            It takes a second: first every server reads the new key's public half, then the service gets the key. The \
            new key has the scopes and the lifetime of the newest active one, and replaces NAME.key in the folder of the \
            keys. The old ones expire after --overlap. Where hosts have copies of \
            the keyring, or the key is in another file, use --prepare. Then copy the keyring to all hosts, and after \
            that the file to where the service reads its key.
            """)

    @Argument(help: "The name of the service.")
    var service: String
    @Option(help: "How long the old keys stay valid.")
    var overlap: Duration = .seconds(600)
    @Option(
        help: """
            After how many days the new key expires, at most 3650. 0: never. Default: the lifetime of the key that it \
            replaces.
            """)
    var days: Int?
    @Option(
        help: ArgumentHelp(
            "Write the new key to this file, not to the one in use, and leave the old keys as they are.",
            valueName: "file"))
    var prepare: String?
    @OptionGroup var keyring: KeyringOptions

    func validate() throws {
        guard (0...3650).contains(days ?? 0) else { throw ValidationError("--days must be 0 to 3650") }
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
        let file = prepare ?? folder.key(of: service)
        guard prepare != nil || FileManager.default.fileExists(atPath: file) else {
            throw CommandFailure(
                "the key of \(service) is not in \(folder.path): give --prepare FILE, and copy FILE to where the service "
                    + "reads its key")
        }
        let key = try ServiceKey(environment: environment(folder))
        let record = KeyRecord(
            key, of: service, scopes: newest.scopes, createdAt: now, notAfter: end(now, instead: newest))
        try keyring.update { keyring in
            // Another command may have revoked it meanwhile.
            guard keyring[newest.id]?.state(at: now) == .active else {
                throw CommandFailure("the key \(newest.id) of \(service) was revoked meanwhile: nothing was changed")
            }
            _ = keyring.add(record)
        }
        // Every server has then read the keyring, and takes the new key.
        if prepare == nil { try await Task.sleep(for: .seconds(1)) }
        do {
            try folder.write(key, to: file)
        } catch {
            _ = try keyring.update { keyring in keyring.update(key.id) { $0.revokedAt = now } }
            throw CommandFailure("cannot write \(file): \(error)")
        }
        guard prepare == nil else { return Terminal.line("made key \(key.id) of \(service) in \(file)") }
        let until = Instant.current() + overlap
        _ = try keyring.update { keyring in
            for old in active { keyring.expire(old.id, at: until) }
        }
        Terminal.line("made key \(key.id) of \(service) in \(file); the old ones are valid until \(until)")
    }

    /// When the new key expires. Nil for never.
    private func end(_ now: Instant, instead old: KeyRecord) -> Instant? {
        if let days { return days == 0 ? nil : now + .seconds(days * 86_400) }
        return old.notAfter.map { now + .milliseconds($0.milliseconds - old.createdAt.milliseconds) }
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

import ArgumentParser
import CommandSupport
import Foundation
import PetProAssembly
import PetProRuntime
import PetProStorage
import Rookery

struct CreateKey: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "create",
        abstract: "Makes a key for a service, and adds its public half to the keyring.",
        discussion: """
            The key goes into a file that only you can read. It is never printed. With --keys and a folder without a \
            keyring, the command begins one: for servers that are not PetPro's.

              petpro keys create payments --allow booking/get-booking --allow booking/list-bookings --out payments.key
            """)

    @Argument(help: "The name of the service that gets the key.")
    var service: String
    @Option(
        help:
            "What the key allows: SERVICE/COMMAND, SERVICE/* or *. Give it once for each. Default: as in PetPro's table."
    )
    var allow: [String] = []
    @Option(help: "After how many days the key expires, at most 3650. 0: never.")
    var days = 90
    @Option(help: ArgumentHelp("The file of the key. Default: NAME.key in the folder of the keys.", valueName: "file"))
    var out: String?
    @Option(help: "The environment in the text of the key, such as live.")
    var environment = "live"
    @OptionGroup var keyring: KeyringOptions

    func validate() throws {
        guard KeyRecord.isName(service) else {
            throw ValidationError("a service's name has 1 to 64 letters, digits, -, _ and ., unlike \(service)")
        }
        guard (0...3650).contains(days) else { throw ValidationError("--days must be 0 to 3650") }
        for text in allow where KeyScope(text) == nil {
            throw ValidationError("--allow must be SERVICE/COMMAND, SERVICE/* or *, not \(text)")
        }
        if allow.isEmpty, KeyHolder(rawValue: service) == nil {
            throw ValidationError("give --allow: PetPro has no table of what \(service) calls")
        }
    }

    func run() async throws {
        let key: ServiceKey
        do {
            key = try ServiceKey(environment: environment)
        } catch {
            throw CommandFailure("--environment: \(error)")
        }
        let now = Instant.current()
        let scopes = allow.isEmpty ? KeyHolder(rawValue: service)?.scopes ?? [] : allow.compactMap { KeyScope($0) }
        let record = KeyRecord(
            key, of: service, scopes: scopes, createdAt: now, notAfter: days == 0 ? nil : now + .seconds(days * 86_400))
        let file = out ?? keyring.folder.key(of: service)
        try keyring.begin()
        // The file first: a key without a holder would stay in the keyring.
        guard try PrivateFiles.writeIfAbsent(Data((key.text + "\n").utf8), to: file) else {
            throw CommandFailure("\(file) exists: give another --out, or use `petpro keys rotate \(service)`")
        }
        _ = try keyring.update { $0.add(record) }
        Terminal.line("made key \(key.id) of \(service) in \(file)")
    }
}

import ArgumentParser
import CommandSupport
import PetProContracts
import PetProStorage
import Rookery
import RookeryCore

struct ListEncryptionKeys: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "Lists the keys; of encryption keys also how many data keys each seals in the services of this host.")

    @OptionGroup var encryption: EncryptionOptions
    @Flag(help: "Print the keys as JSON, one per line.")
    var json = false

    func run() async throws {
        let ids = try encryption.read().ids
        let use = try encryption.use()
        for id in ids {
            let counts = use.map { ($0.service, $0.keys[id] ?? 0) }
            let isSealing = id == ids.last
            if json {
                let seals = JSONValue.object(
                    counts.reduce(into: [:]) { $0[$1.0.rawValue] = .int(Int64($1.1)) } as JSONObject)
                Terminal.line(
                    JSONValue.object(["id": .string(id), "isSealing": .bool(isSealing), "dataKeys": seals]).jsonText)
            } else {
                let seals = counts.map { "\($0.0.rawValue) \($0.1)" }.joined(separator: ", ")
                let parts = [isSealing ? "seals" : "opens", seals].filter { !$0.isEmpty }
                Terminal.line(Terminal.strong(id) + parts.map { "  \($0)" }.joined())
            }
        }
    }
}

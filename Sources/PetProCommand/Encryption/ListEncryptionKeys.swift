import ArgumentParser
import CommandSupport
import PetProContracts
import PetProStorage
import Rookery

struct ListEncryptionKeys: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "Lists the encryption keys, with how many data keys each seals in the services of this host.")

    @OptionGroup var encryption: EncryptionOptions
    @Flag(help: "Print the keys as JSON, one per line.")
    var json = false

    func run() async throws {
        let ids = try encryption.read().ids
        let use = try encryption.use()
        for id in ids {
            let counts = use.map { ($0.service, $0.keys[id] ?? 0) }
            let isNewest = id == ids.last
            if json {
                let seals = JSONValue.object(
                    counts.reduce(into: [:]) { $0[$1.0.rawValue] = .int(Int64($1.1)) } as JSONObject)
                Terminal.line(
                    JSONValue.object(["id": .string(id), "newest": .bool(isNewest), "seals": seals]).jsonText)
            } else {
                let seals = counts.map { "\($0.0.rawValue) \($0.1)" }.joined(separator: ", ")
                Terminal.line(
                    Terminal.strong(id) + (isNewest ? "  newest, " : "  ")
                        + (seals.isEmpty ? "in no service here" : seals))
            }
        }
    }
}

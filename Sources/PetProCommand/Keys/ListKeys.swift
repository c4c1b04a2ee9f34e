import ArgumentParser
import CommandSupport
import PetProAssembly
import PetProRuntime
import Rookery

struct ListKeys: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "Lists the service keys, with what each allows.",
        discussion: """
            A scope is SERVICE/COMMAND, SERVICE/* or *. A command is named by its "cmd", or by its whole pattern.

            The last use is exact to one day. It comes from the audit log of this host: where services run on several hosts, \
            run this on each before you revoke a key.
            """)

    @OptionGroup var keyring: KeyringOptions
    @Flag(help: "Print the keys as JSON, one per line.")
    var json = false

    func run() async throws {
        let records = try keyring.read().records
        let now = Instant.current()
        let uses = try AuditFolder(keyring.data + "/audit").keyUses()
        if json {
            for record in records {
                guard case .object(var object) = record.jsonValue else { continue }
                object["state"] = .string(record.state(at: now).rawValue)
                object["lastUsedAt"] = uses[record.id].map { .string($0.description) }
                Terminal.line(JSONValue.object(object).jsonText)
            }
            return
        }
        for record in records {
            let ends =
                record.revokedAt.map { ", revoked \($0)" } ?? record.notAfter.map { ", until \($0)" } ?? ""
            Terminal.line(
                Terminal.strong("\(record.service)")
                    + "  \(record.id)  \(record.state(at: now).rawValue), made \(record.createdAt)\(ends), "
                    + (uses[record.id].map { "last used \($0.description.prefix(10))" } ?? "never used here"))
            let scopes = record.scopes.map(\.description)
            Terminal.line(scopes.isEmpty ? "  allows no command" : scopes.map { "  \($0)" }.joined(separator: "\n"))
        }
    }
}

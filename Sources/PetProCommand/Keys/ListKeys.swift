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
            """)

    @OptionGroup var keyring: KeyringOptions
    @Flag(help: "Print the keys as JSON, one per line.")
    var json = false

    func run() async throws {
        let records = try keyring.read().records
        let now = Instant.current()
        if json {
            for record in records {
                guard case .object(var object) = record.jsonValue else { continue }
                object["state"] = .string(record.state(at: now).rawValue)
                Terminal.line(JSONValue.object(object).jsonText)
            }
            return
        }
        for record in records {
            let ends =
                record.revokedAt.map { ", revoked \($0)" } ?? record.notAfter.map { ", until \($0)" } ?? ""
            Terminal.line(
                Terminal.strong("\(record.service)")
                    + "  \(record.id)  \(record.state(at: now).rawValue), made \(record.createdAt)\(ends)")
            let scopes = record.scopes.map(\.description)
            Terminal.line(scopes.isEmpty ? "  allows no command" : scopes.map { "  \($0)" }.joined(separator: "\n"))
        }
    }
}

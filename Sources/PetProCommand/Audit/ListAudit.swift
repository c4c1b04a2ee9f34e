import ArgumentParser
import CommandSupport
import PetProRuntime
import Rookery

struct ListAudit: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "list", abstract: "Lists the entries, oldest first.")

    @Option(
        help: ArgumentHelp(
            "Only entries about this account. An entry about something else of a person, such as a booking, has its path.",
            valueName: "id"))
    var subject: Int?
    @Option(help: ArgumentHelp("Only entries by this actor, such as \"user 57\" or operator.", valueName: "actor"))
    var actor: String?
    @Option(
        help: ArgumentHelp(
            "Only entries of this kind: \(AuditEvent.Kind.allCases.map(\.rawValue).joined(separator: ", ")).",
            valueName: "kind"))
    var kind: String?
    @Flag(help: "Print the entries as JSON, one per line, as they are in the log.")
    var json = false
    @OptionGroup var audit: AuditOptions

    func validate() throws {
        if let kind, AuditEvent.Kind(rawValue: kind) == nil {
            throw ValidationError("there is no kind \(kind); `petpro audit list --help` names them")
        }
    }

    func run() async throws {
        for file in try audit.files() {
            for line in try audit.folder.lines(file) {
                guard let entry = try? JSONValue(parsing: String(line)) else {
                    Terminal.note("a line of \(file) cannot be read: `petpro audit verify` names it")
                    continue
                }
                guard isWanted(entry) else { continue }
                Terminal.line(json ? String(line) : text(entry))
            }
        }
    }

    private func isWanted(_ entry: JSONValue) -> Bool {
        if let subject, entry["subject"]?.intValue.map({ Int($0) }) != subject { return false }
        if let actor, entry["actor"]?.stringValue != actor { return false }
        if let kind, entry["kind"]?.stringValue != kind { return false }
        return true
    }

    private func text(_ entry: JSONValue) -> String {
        func member(_ name: String) -> String? { entry[name]?.stringValue }
        var parts = [member("at") ?? "", member("part") ?? "", Terminal.strong(member("kind") ?? "")]
        if let actor = member("actor") { parts.append("by \(actor)") }
        if let subject = entry["subject"]?.intValue { parts.append("about user \(subject)") }
        if let operation = member("operation") { parts.append(operation) }
        if let object = member("object") { parts.append(object) }
        return parts.joined(separator: "  ")
    }
}

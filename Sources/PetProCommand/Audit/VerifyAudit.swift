import ArgumentParser
import CommandSupport
import PetProRuntime

struct VerifyAudit: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract:
            "Checks that no entry was changed, and none is missing between others; prints the last one's number and hash.",
        discussion: """
            An attacker who can write to the log can make the chain anew, or remove the last lines. So keep what this prints \
            on another machine, and give it next time: --contains NUMBER:HASH.
            """)

    @Option(
        help: ArgumentHelp(
            "An entry that must be in the log, as an earlier verify printed it.", valueName: "number:hash"))
    var contains: String?
    @OptionGroup var audit: AuditOptions

    func run() async throws {
        var (first, last): (AuditEntry?, AuditEntry?)
        var isFound = contains == nil
        for file in try audit.files() {
            for (at, line) in try audit.folder.lines(file).enumerated() {
                do {
                    let entry = try AuditEntry(line, after: last)
                    if "\(entry.number):\(entry.hash)" == contains { isFound = true }
                    first = first ?? entry
                    last = entry
                } catch {
                    throw CommandFailure("\(audit.folder.path)/\(file), line \(at + 1): \(reason(error, after: last))")
                }
            }
        }
        guard let first, let last else { throw CommandFailure("the audit log is empty") }
        guard isFound else {
            throw CommandFailure(
                "the log does not contain \(contains ?? ""): it is not the same log, or that part was deleted")
        }
        Terminal.line("good: entries \(first.number) to \(last.number); the last is")
        Terminal.line("\(last.number):\(last.hash)")
    }

    private func reason(_ fault: AuditEntry.Fault, after last: AuditEntry?) -> String {
        switch fault {
        case .unreadable: "the line cannot be read"
        case .changed: "the line was changed"
        case .outOfOrder: "the line does not follow entry \(last?.number ?? 0): lines are missing, or were put in"
        }
    }
}

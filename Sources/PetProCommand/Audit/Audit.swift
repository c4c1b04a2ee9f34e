import ArgumentParser

struct Audit: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Shows and checks the audit log: who read or changed personal data, and what concerns security.",
        discussion: """
            Each host has a log, in the folder audit beside its databases. A line has the hash of the line before, so that \
            `verify` finds a line that was changed, or is missing between others. The log has ids, and no personal data.

              petpro audit list --actor "user 8" --kind read
              petpro audit verify
            """,
        subcommands: [ListAudit.self, VerifyAudit.self])
}

import ArgumentParser

struct Audit: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Shows and checks the audit log: who read or changed personal data, and what concerns security.",
        discussion: """
            Each host has a log, in the folder audit beside its databases. A line has the hash of the line before, so that \
            no line can be changed or taken out unnoticed. The log has ids, and no personal data.

              petpro audit list --subject 57
              petpro audit verify
            """,
        subcommands: [ListAudit.self, VerifyAudit.self])
}

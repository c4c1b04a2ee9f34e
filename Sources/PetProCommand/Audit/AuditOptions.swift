import ArgumentParser
import CommandSupport
import PetProRuntime

/// The audit log that a `petpro audit` command reads.
struct AuditOptions: ParsableArguments {
    @Option(help: "The folder of the databases.")
    var data = DatabaseOptions.defaultFolder

    var folder: AuditFolder { AuditFolder(data + "/audit") }

    /// The names of the log's files. Throws ``CommandSupport/CommandFailure`` if there is no log.
    func files() throws -> [String] {
        let files = try folder.files()
        if files.isEmpty {
            throw CommandFailure(
                "there is no audit log in \(folder.path): give the folder of the databases with --data")
        }
        return files
    }
}

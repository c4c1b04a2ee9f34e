import ArgumentParser
import CommandSupport
import Foundation
import PetProContracts
import PetProRuntime
import PetProStorage

struct Backup: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Copies the databases into a folder, while the platform runs.",
        discussion: """
            Each service's database is copied as it is at one moment. The copy has no data keys: personal data in it cannot be \
            read without the key stores, and that of people who are erased later not at all. Keep copies of the key stores \
            (--key-stores), of encryption-keys.json, auth-keys.json and the folder keys elsewhere, and those of the key stores for \
            a short time only.

            It is for SQLite files. For PostgreSQL, use pg_dump with --exclude-schema='*_keys'.
            """)

    @Argument(
        help:
            "The folder for the copies. petpro creates it, or sets an existing one to mode 0700. It must have no copy yet."
    )
    var out: String
    @Flag(help: "Copy the key stores, and not the databases.")
    var keyStores = false
    @OptionGroup var databases: DatabaseOptions

    func run() async throws {
        try databases.requireFiles("use pg_dump --exclude-schema='*_keys'")
        var copied = 0
        for service in ServiceName.allCases {
            guard case .file(let path) = databases.place(of: service) else { continue }
            let source = keyStores ? Database.keyStorePath(of: path) : path
            guard FileManager.default.fileExists(atPath: source) else { continue }
            let copy = "\(out)/\(URL(filePath: source).lastPathComponent)"
            if FileManager.default.fileExists(atPath: copy) {
                throw CommandFailure("\(copy) exists: choose another folder")
            }
            do {
                try PrivateFiles.prepare(folder: out)
                try SQLiteBackup.copy(source, to: copy)
            } catch {
                // What is there may be half a copy.
                try? FileManager.default.removeItem(atPath: copy)
                throw CommandFailure("cannot copy \(source) to \(copy): \(error)")
            }
            Terminal.line("copied \(source) to \(copy)")
            copied += 1
        }
        if copied == 0 {
            throw CommandFailure("there is no database in \(databases.data): name the folder with --data")
        }
    }
}

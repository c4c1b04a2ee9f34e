import ArgumentParser
import CommandSupport
import Foundation
import PetProAssembly
import PetProContracts
import PetProRuntime
import PetProStorage

struct Move: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Copies the databases from SQLite files into a PostgreSQL database, while the platform does not run.",
        discussion: """
            For a platform that outgrows one machine. Each service's database and key store become two schemas, all rows of \
            them in one transaction. The files stay as they are, so that the platform can go back to them until the first \
            start with --database.

            Afterwards start with the same --data and --database: keys and the audit log stay in the folder.
            """)

    @Flag(help: "Do not check whether an instance runs. Use it when its host is gone.")
    var force = false
    @OptionGroup var databases: DatabaseOptions

    func validate() throws {
        if databases.server == nil {
            throw ValidationError(
                "--database names the PostgreSQL database to copy to, such as postgres://petpro@db.example/petpro")
        }
    }

    func run() async throws {
        guard let server = databases.server else { return }
        let (files, schemas) = (
            databases.file(of:), { (service: ServiceName) in PostgresTarget(url: server, schema: service.rawValue) }
        )
        let services = ServiceName.allCases.filter { FileManager.default.fileExists(atPath: files($0)) }
        if services.isEmpty {
            throw CommandFailure("there is no database in \(databases.data): name the folder with --data")
        }
        if !force { try await RunningInstances.requireNone { .file(files($0)) } }
        for service in services {
            // Before the first one is copied, so that none is copied in vain.
            do {
                try DatabaseMove.requireEmpty(schemas(service))
            } catch {
                throw CommandFailure("cannot copy to \(DatabasePlace.schema(schemas(service))): \(error)")
            }
        }
        var filled: [String] = []
        // From here on no instance that starts on the files can write what would be left behind.
        var holds: [DatabaseMove.Hold] = []
        defer { for hold in holds { hold.release() } }
        for service in services {
            do {
                holds.append(try DatabaseMove.hold(files(service), Modules.module(service).migrations))
            } catch {
                throw CommandFailure("cannot use \(files(service)): \(error)")
            }
        }
        for service in services {
            Terminal.note("\(service.rawValue): copying \(files(service))")
            do {
                let counts = try await DatabaseMove.copy(
                    files(service), to: schemas(service), Modules.module(service).migrations)
                let rows = counts.values.reduce(0, +)
                filled += [schemas(service).schema, schemas(service).keysSchema]
                Terminal.line("\(service.rawValue): \(rows) rows of \(counts.count) tables copied")
            } catch {
                let before =
                    filled.isEmpty
                    ? ""
                    : " Before the next try, drop the schemas that this run filled: \(filled.joined(separator: ", "))."
                throw CommandFailure(
                    "cannot copy \(files(service)): \(error).\(before) If the connection was lost, look whether the schema "
                        + "\(service.rawValue) has rows. The files are as they were.")
            }
        }
        Terminal.note(
            """
            Start the platform with --data \(databases.data) and --database from now on. When all is well, delete the files \
            *.sqlite* in \(databases.data): they have personal data, and later erasures do not reach them.
            """)
    }
}

import ArgumentParser
import CommandSupport
import Foundation
import PetProContracts
import PetProStorage

/// Where the databases of the services are.
struct DatabaseOptions: ParsableArguments {
    static let defaultFolder = "data"
    /// The environment variable that may hold a connection string with a password.
    static let variable = "PETPRO_DATABASE"

    @Option(
        help: """
            The folder of the databases, of the keys and of the audit log. petpro creates it if it is missing, for this \
            user only.
            """)
    var data = defaultFolder
    @Option(
        help: ArgumentHelp(
            "A PostgreSQL database in place of SQLite files, such as postgres://petpro@db.example/petpro. Each service has a schema "
                + "of its own. Put a password into ~/.pgpass, or the whole text into \(variable).",
            valueName: "url"))
    var database: String?

    func validate() throws {
        guard let database else { return }
        if !database.contains("://") && !database.contains("=") {
            throw ValidationError("--database must be a URL such as postgres://petpro@db.example/petpro")
        }
        guard let parts = PostgresTarget.parts(of: database) else {
            throw ValidationError("--database must be a URL such as postgres://petpro@db.example/petpro")
        }
        // Other users of the machine can read a command line.
        if parts["password"] != nil {
            throw ValidationError(
                "--database must not have a password: put the text into \(Self.variable), or use ~/.pgpass")
        }
    }

    /// The connection string. Nil for SQLite.
    var server: String? { database ?? ProcessInfo.processInfo.environment[Self.variable] }

    /// The path of a service's SQLite file, whether it is used or not.
    func file(of service: ServiceName) -> String { "\(data)/\(service.rawValue).sqlite" }

    /// The database of a service.
    func place(of service: ServiceName) -> DatabasePlace {
        guard let server else { return .file(file(of: service)) }
        return .schema(PostgresTarget(url: server, schema: service.rawValue))
    }

    /// Throws ``CommandSupport/CommandFailure`` with the next step if the data is on a server.
    func requireFiles(_ instead: String) throws {
        if server != nil { throw CommandFailure("this is for SQLite files; for PostgreSQL, \(instead)") }
    }

    /// What `--print-config` shows.
    var shown: String { server.map { PostgresTarget(url: $0, schema: "").description } ?? "SQLite files in \(data)" }
}

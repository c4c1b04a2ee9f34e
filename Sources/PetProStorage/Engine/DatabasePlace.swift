import Foundation

/// Where the database of a service is.
package enum DatabasePlace: Sendable, CustomStringConvertible {
    /// A SQLite file.
    case file(String)
    /// A schema of a PostgreSQL database.
    case schema(PostgresTarget)

    /// The path, or the schema with the connection string without its password.
    package var description: String {
        switch self {
        case .file(let path): path
        case .schema(let target): "schema \(target.schema) of \(target.description)"
        }
    }

    /// Opens or makes the database, and migrates it. Throws as ``Database`` does.
    package func open(_ migrations: [Migration], _ protection: Protection?) throws -> Database {
        switch self {
        case .file(let path): try Database(path: path, migrations: migrations, protection: protection)
        case .schema(let target): try Database(target, migrations: migrations, protection: protection)
        }
    }

    /// Opens the database to look at it, without a migration. Throws the error of the engine.
    package func inspect(_ protection: Protection? = nil) throws -> Database {
        switch self {
        case .file(let path): try Database(inspecting: path, protection: protection)
        case .schema(let target): try Database(inspecting: target, protection: protection)
        }
    }

    /// Whether the database was made. Throws the error of the engine.
    package func exists() throws -> Bool {
        switch self {
        case .file(let path): FileManager.default.fileExists(atPath: path)
        case .schema(let target):
            try PostgresConnection(target).texts(
                "SELECT 'yes' FROM pg_tables WHERE schemaname = ? AND tablename = 'migrations'", target.schema
            ).isEmpty == false
        }
    }

    /// How many data keys and secrets each encryption key seals, by its id. Nil without a key store. Throws the error of the
    /// engine.
    package func encryptionKeyUse() throws -> [String: Int]? {
        switch self {
        case .file(let path):
            FileManager.default.fileExists(atPath: Database.keyStorePath(of: path))
                ? try EncryptionKeyUse.read(ofDatabase: path) : nil
        case .schema(let target): try exists() ? try EncryptionKeyUse.read(of: target) : nil
        }
    }
}

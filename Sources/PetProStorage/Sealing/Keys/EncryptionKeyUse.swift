import GRDB

/// Which encryption keys a key store needs.
public enum EncryptionKeyUse {
    /// Returns how many data keys and secrets each encryption key seals, by its id. Works while the service runs.
    ///
    /// `path` is the path of the database. Throws the error of SQLite when its key store cannot be read.
    public static func read(ofDatabase path: String) throws -> [String: Int] {
        var configuration = Database.configuration
        configuration.readonly = true
        let queue = try DatabaseQueue(path: Database.keyStorePath(of: path), configuration: configuration)
        let ids = try queue.inDatabase { database in
            try Self.ids(SQLiteConnection(database))
        }
        try queue.close()
        return ids.reduce(into: [:]) { $0[$1, default: 0] += 1 }
    }

    /// Returns the same of a PostgreSQL schema. Throws ``EngineError`` when it cannot be read.
    package static func read(of target: PostgresTarget) throws -> [String: Int] {
        try Self.ids(PostgresConnection(target)).reduce(into: [:]) { $0[$1, default: 0] += 1 }
    }

    private static func ids(_ connection: Connection) throws -> [String] {
        try connection.texts("SELECT encryption_key FROM data_keys WHERE encryption_key > ''")
            + connection.texts("SELECT encryption_key FROM secrets")
    }
}

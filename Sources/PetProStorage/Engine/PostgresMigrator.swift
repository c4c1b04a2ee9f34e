/// Brings the schemas of a service in a PostgreSQL database up to date.
struct PostgresMigrator {
    private let target: PostgresTarget

    init(_ target: PostgresTarget) { self.target = target }

    /// Makes the schemas if they do not exist, and runs the steps that have not run, one process at a time. Throws
    /// ``Database/SchemaTooNew`` when a newer version of the program has migrated the schema, and ``EngineError``.
    func migrate(_ connection: Connection, _ migrations: [Migration]) throws {
        // A migration may take long, and another process waits for it.
        try connection.execute("SET statement_timeout = 0; SET lock_timeout = 0")
        defer { try? connection.execute("RESET statement_timeout; RESET lock_timeout") }
        // The lock of the session is gone with the session, if the process ends here.
        try connection.execute("SELECT pg_advisory_lock(\(target.migrationLock))")
        defer { try? connection.execute("SELECT pg_advisory_unlock(\(target.migrationLock))") }
        let (schema, keys) = (PostgresTarget.quoted(target.schema), PostgresTarget.quoted(target.keysSchema))
        try connection.execute("CREATE SCHEMA IF NOT EXISTS \(schema); CREATE SCHEMA IF NOT EXISTS \(keys)")
        try connection.execute("CREATE TABLE IF NOT EXISTS \(schema).migrations (name TEXT PRIMARY KEY)")
        // A server that looked the schema up at the moment when another process made it goes on to miss it.
        try connection.execute("SET search_path = \(schema), \(keys)")
        // The key store comes first. Its name says that it is no step of the service.
        let steps =
            [
                (
                    "keys-1",
                    "SET LOCAL search_path = \(keys); \(KeyStore.postgres); SET LOCAL search_path = \(schema), \(keys)"
                )
            ]
            + (Migration.common + migrations).map { ($0.name, $0.postgres) }
        let known = Set(try connection.texts("SELECT name FROM migrations"))
        if !known.isSubset(of: steps.map(\.0)) { throw Database.SchemaTooNew() }
        for (name, sql) in steps where !known.contains(name) {
            try connection.execute("BEGIN")
            do {
                if !sql.isEmpty { try connection.execute(sql) }
                try connection.perform("INSERT INTO migrations (name) VALUES (?)", [name]) { try $0.finish() }
                try connection.execute("COMMIT")
            } catch {
                try? connection.execute("ROLLBACK")
                throw error
            }
        }
    }
}

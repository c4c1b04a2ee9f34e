public import PetProStorage

/// Writes that the engine itself refuses, so that a transaction breaks between two of its statements.
public enum FaultPoint {
    /// Runs a command once for each table of a database, while every write to the table fails.
    ///
    /// A command that fails must have changed nothing. Returns the tables without which it fails. `command` gets the number of
    /// its run. Throws ``ChangedByHalf``, and the error of the engine.
    public static func tables(
        that command: (_ run: Int) async throws -> Void, needsIn database: Database
    ) async throws -> Set<String> {
        let internals: Set<String> = ["migrations", "grdb_migrations", "sqlite_sequence"]
        let tables = try await database.tables().filter { !internals.contains($0) }.sorted()
        var needed: Set<String> = []
        for (run, table) in tables.enumerated() {
            let before = try await content(of: database, tables)
            try await set(true, on: table, in: database)
            var failure: (any Error)?
            do { try await command(run) } catch { failure = error }
            try await set(false, on: table, in: database)
            guard let failure else { continue }
            needed.insert(table)
            let after = try await content(of: database, tables)
            let changed = tables.filter { before[$0] != after[$0] }
            if !changed.isEmpty { throw ChangedByHalf(refused: table, changed: changed, failure: failure) }
        }
        return needed
    }

    /// A command failed, and had changed tables.
    public struct ChangedByHalf: Error {
        /// The table whose writes were refused.
        public let refused: String
        /// The tables that were changed nevertheless.
        public let changed: [String]
        /// The error of the command.
        public let failure: any Error
    }

    private static func set(_ isSet: Bool, on table: String, in database: Database) async throws {
        let isPostgres = Database.testServer != nil
        try await database.write { transaction in
            if !isPostgres {
                for event in ["INSERT", "UPDATE", "DELETE"] {
                    try transaction.execute(
                        isSet
                            ? """
                            CREATE TRIGGER fault_\(event) BEFORE \(event) ON \(table)
                            BEGIN SELECT RAISE(ABORT, 'a fault'); END
                            """ : "DROP TRIGGER fault_\(event)")
                }
            } else if isSet {
                try transaction.execute(
                    """
                    CREATE OR REPLACE FUNCTION fault() RETURNS trigger LANGUAGE plpgsql
                    AS 'BEGIN RAISE EXCEPTION ''a fault''; END'
                    """)
                try transaction.execute(
                    """
                    CREATE TRIGGER fault BEFORE INSERT OR UPDATE OR DELETE ON \(table)
                    FOR EACH ROW EXECUTE FUNCTION fault()
                    """)
            } else {
                try transaction.execute("DROP TRIGGER fault ON \(table)")
            }
        }
    }

    private static func content(of database: Database, _ tables: [String]) async throws -> [String: Set<String>] {
        try await database.read { transaction in
            try tables.reduce(into: [:]) { found, table in
                let rows = try transaction.table("SELECT * FROM \(table)")
                found[table] = Set(rows.map { row in row.sorted { $0.key < $1.key }.map { "\($0)" }.joined() })
            }
        }
    }
}

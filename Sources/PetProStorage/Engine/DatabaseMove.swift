import Foundation
import GRDB

/// Copies the database of a service from a SQLite file into a schema of a PostgreSQL database.
package enum DatabaseMove {
    /// The schema has rows already, which nothing may overwrite.
    package struct NotEmpty: Error, CustomStringConvertible {
        let target: PostgresTarget
        let table: String
        package var description: String {
            "the schema \(target.schema) has rows in \(table) already: choose another database, or drop the schemas "
                + "\(target.schema) and \(target.keysSchema) if they are of no use"
        }
    }

    /// The file has tables, columns or rows that the schema cannot take.
    package struct Differs: Error, CustomStringConvertible {
        package let description: String
    }

    /// Not copied: a lease belongs to a process, and how far rows were sealed counts rows of the file.
    private static let left: Set<String> = ["leases", "sealing", "grdb_migrations", "sqlite_sequence"]
    /// The most rows that are read at once, and the most values of one statement.
    private static let (page, values) = (500, 2000)

    /// Throws ``NotEmpty`` if a schema has rows, and the error of the engine. A schema that does not exist is empty.
    package static func requireEmpty(_ target: PostgresTarget) throws {
        let connection = try PostgresConnection(target)
        for schema in [target.schema, target.keysSchema] {
            let tables = try connection.texts(
                "SELECT tablename FROM pg_tables WHERE schemaname = ? AND tablename <> 'migrations'", schema)
            for table in tables {
                let name = "\(PostgresTarget.quoted(schema)).\(PostgresTarget.quoted(table))"
                if try !connection.texts("SELECT 'a row' FROM \(name) LIMIT 1").isEmpty {
                    throw NotEmpty(target: target, table: table)
                }
            }
        }
    }

    /// Keeps every other process from writing a database and its key store, until it is released or gone.
    package final class Hold {
        private let queues: [DatabaseQueue]

        /// Takes the locks. Throws the error of SQLite, after 2 s if another process holds one.
        fileprivate init(_ paths: [String]) throws {
            var configuration = Database.configuration
            configuration.allowsUnsafeTransactions = true
            queues = try paths.map { path in
                let queue = try DatabaseQueue(path: path, configuration: configuration)
                try queue.writeWithoutTransaction { try $0.execute(sql: "BEGIN IMMEDIATE") }
                return queue
            }
        }

        /// Gives the locks up.
        package func release() {
            for queue in queues {
                try? queue.writeWithoutTransaction { try $0.execute(sql: "ROLLBACK") }
                try? queue.close()
            }
        }
    }

    /// Brings a database file up to date, makes sure that its key store is beside it, and holds both.
    ///
    /// Throws ``Differs`` if the key store is missing or another one, and the error of SQLite.
    package static func hold(_ path: String, _ migrations: [Migration]) throws -> Hold {
        try Database(path: path, migrations: migrations).close()
        let keys = Database.keyStorePath(of: path)
        let mark = try texts(path, "SELECT mark FROM key_store WHERE id = 1")
        let hasKeys = FileManager.default.fileExists(atPath: keys)
        if !mark.isEmpty, try !hasKeys || texts(keys, "SELECT value FROM mark WHERE id = 1") != mark {
            throw Differs(
                description:
                    "\(keys) is missing or belongs to another database, and without it personal data cannot be "
                    + "read: put the right one beside \(path)")
        }
        return try Hold(hasKeys ? [path, keys] : [path])
    }

    private static func texts(_ path: String, _ sql: String) throws -> [String] {
        var reading = Database.configuration
        reading.readonly = true
        let queue = try DatabaseQueue(path: path, configuration: reading)
        defer { try? queue.close() }
        return try queue.read { try SQLiteConnection($0).texts(sql) }
    }

    /// Copies every row of a database and of its key store in one transaction, and returns how many there were by table.
    ///
    /// ``hold(_:_:)`` the file meanwhile, which stays as it is. No process may use the schema. Throws ``NotEmpty``, ``Differs``, and
    /// the errors of the engines; then the schema has no row, unless the connection was lost during the commit.
    package static func copy(_ path: String, to target: PostgresTarget, _ migrations: [Migration]) async throws
        -> [String: Int]
    {
        let database = try Database(target, migrations: migrations, readers: 0)
        defer { try? database.close() }
        try requireEmpty(target)
        let keys = Database.keyStorePath(of: path)
        return try await database.write { transaction in
            // A table of millions of rows takes longer than a statement may.
            try transaction.execute("SET LOCAL statement_timeout = 0")
            try transaction.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
            var counts = try copy(path, into: target.schema, transaction)
            if FileManager.default.fileExists(atPath: keys) {
                counts.merge(try copy(keys, into: target.keysSchema, transaction)) { $0 + $1 }
            }
            return counts
        }
    }

    private static func copy(_ path: String, into schema: String, _ transaction: Transaction) throws -> [String: Int] {
        var reading = Database.configuration
        reading.readonly = true
        let queue = try DatabaseQueue(path: path, configuration: reading)
        return try queue.read { database in
            let source = SQLiteConnection(database)
            var counts: [String: Int] = [:]
            for table in try ordered(source) {
                counts[table] = try copy(table, from: source, into: schema, transaction)
                let sql = "SELECT COUNT(*) FROM \(PostgresTarget.quoted(schema)).\(table)"
                let count = try transaction.row(sql) { try $0.int() }
                if count != counts[table] {
                    throw Differs(description: "\(count ?? 0) of \(counts[table] ?? 0) rows of \(table) were copied")
                }
            }
            return counts
        }
    }

    /// The tables, each behind those to which its rows refer.
    private static func ordered(_ source: Connection) throws -> [String] {
        var rest = try source.tables().filter { !left.contains($0) }
        var ordered: [String] = []
        while !rest.isEmpty {
            let ready = try rest.filter { table in
                try source.texts("SELECT \"table\" FROM pragma_foreign_key_list(?)", table)
                    .allSatisfy { $0 == table || ordered.contains($0) }
            }
            if ready.isEmpty {
                throw Differs(description: "the tables \(rest.joined(separator: ", ")) need each other")
            }
            ordered += ready
            rest.removeAll(where: ready.contains)
        }
        return ordered
    }

    private static func copy(
        _ table: String, from source: Connection, into schema: String, _ transaction: Transaction
    ) throws -> Int {
        let columns = try source.texts("SELECT name FROM pragma_table_info(?) ORDER BY cid", table)
        let types = Dictionary(
            try transaction.rows(
                """
                SELECT column_name::text, data_type::text FROM information_schema.columns
                WHERE table_schema = ? AND table_name = ?
                """, schema, table
            ) { (try $0.text(), try $0.text()) }
        ) { first, _ in first }
        let missing = columns.filter { types[$0] == nil }
        if !missing.isEmpty {
            throw Differs(description: "\(schema).\(table) has no \(missing.joined(separator: ", "))")
        }
        let name = "\(PostgresTarget.quoted(schema)).\(table)"
        let isBytes = columns.map { types[$0] == "bytea" }
        let row = "(\(columns.map { _ in "?" }.joined(separator: ", ")))"
        var copied = 0
        var last = Int.min
        while true {
            let rows = try source.perform(
                "SELECT rowid, \(columns.joined(separator: ", ")) FROM \(table) WHERE rowid > ? ORDER BY rowid LIMIT ?",
                [last, page]
            ) { statement in
                var rows: [[SQLValue]] = []
                while try statement.step() {
                    var row = statement.row
                    last = try row.int()
                    rows.append(
                        isBytes.map { isBytes in
                            let value = row.any()
                            // A column has one type there, and tells plain texts from sealed ones by their first byte.
                            if isBytes, case .text(let text) = value { return transaction.plain(text) }
                            return value
                        })
                }
                return rows
            }
            if rows.isEmpty { break }
            let most = max(1, values / columns.count)
            for start in stride(from: 0, to: rows.count, by: most) {
                let some = rows[start..<min(start + most, rows.count)]
                try transaction.execute(
                    "INSERT INTO \(name) (\(columns.joined(separator: ", "))) VALUES "
                        + some.map { _ in row }.joined(separator: ", "), some.flatMap(\.self))
            }
            copied += rows.count
        }
        try countOn(table, columns, from: source, in: schema, transaction)
        return copied
    }

    /// Lets the ids of a table go on behind the last one that was ever given.
    private static func countOn(
        _ table: String, _ columns: [String], from source: Connection, in schema: String, _ transaction: Transaction
    ) throws {
        guard try source.tables().contains("sqlite_sequence") else { return }
        let last = try source.perform("SELECT seq FROM sqlite_sequence WHERE name = ?", [table]) { statement in
            guard try statement.step() else { return 0 }
            var row = statement.row
            return try row.int()
        }
        guard last > 0 else { return }
        let counted = try transaction.rows(
            """
            SELECT column_name::text FROM information_schema.columns
            WHERE table_schema = ? AND table_name = ? AND identity_generation = 'BY DEFAULT'
            """, schema, table
        ) { try $0.text() }
        for column in counted {
            _ = try transaction.row(
                "SELECT setval(pg_get_serial_sequence(?, ?), ?)", "\(schema).\(table)", column, last
            ) { try $0.int() }
        }
    }
}

import Foundation
import GRDB
import Rookery
public import PetProRuntime

/// One service's database. Statements use `?` for arguments.
///
/// Reads and writes run on the database's own threads, never on an event loop. A write transaction sees no other write between
/// its first read and its commit. Writes that come while another one is committed share the next commit.
public final class Database: Sendable {
    private let readers: DatabaseThreads
    private let writer: DatabaseThreads
    /// Told after each commit that published events.
    public let outboxSignal: Signal

    /// Opens, and makes if need be, the database in a file, and brings its schema up to date. Only the owner of the process
    /// may read the file.
    ///
    /// - Throws: ``SchemaTooNew``, or what SQLite says, for example when the file is no database.
    public convenience init(path: String, migrations: [Migration]) throws {
        try PrivateFiles.prepare(file: path)
        var configuration = Self.configuration
        configuration.journalMode = .wal
        let writer = try DatabaseQueue(path: path, configuration: configuration)
        // GRDB sets NORMAL when it turns the write-ahead log on, after whatever a configuration prepared. With FULL a
        // commit that was acknowledged survives a power cut, not only a killed process.
        try writer.writeWithoutTransaction { try $0.execute(sql: "PRAGMA synchronous = FULL") }
        if try Self.migrate(writer, migrations) {
            // What a migration overwrote is to go from the log of changes, too.
            try writer.writeWithoutTransaction { try $0.execute(sql: "PRAGMA wal_checkpoint(TRUNCATE)") }
        }
        var reading = Self.configuration
        reading.readonly = true
        let readers = try (0..<Self.readerCount).map { _ in try DatabaseQueue(path: path, configuration: reading) }
        self.init(writer, readers: readers)
    }

    /// Opens a database that is there to look into it, whatever version of the program wrote it: nothing can be changed.
    public convenience init(inspecting path: String) throws {
        var configuration = Self.configuration
        configuration.readonly = true
        self.init(try DatabaseQueue(path: path, configuration: configuration), readers: [])
    }

    /// A database in memory, gone with this object.
    public convenience init(inMemory migrations: [Migration]) throws {
        let connection = try DatabaseQueue(configuration: Self.configuration)
        _ = try Self.migrate(connection, migrations)
        self.init(connection, readers: [])
    }

    /// Without readers the writer reads, too.
    private init(_ writer: DatabaseQueue, readers: [DatabaseQueue]) {
        let signal = Signal()
        outboxSignal = signal
        self.writer = DatabaseThreads("db-write", [writer]) { signal.send() }
        self.readers = readers.isEmpty ? self.writer : DatabaseThreads("db-read", readers)
    }

    /// Brings a schema up to date; false when it was. Throws ``SchemaTooNew``.
    private static func migrate(_ database: DatabaseQueue, _ migrations: [Migration]) throws -> Bool {
        var migrator = DatabaseMigrator()
        for migration in Migration.common + migrations {
            migrator.registerMigration(migration.name) { try $0.execute(sql: migration.sql) }
        }
        let isTooNew = try database.read { [migrator] in try migrator.hasBeenSuperseded($0) }
        if isTooNew { throw SchemaTooNew() }
        let isChanged = try database.read { [migrator] in try !migrator.hasCompletedMigrations($0) }
        do {
            try migrator.migrate(database)
        } catch {
            // Another instance may have done the same step at the same moment; then there is nothing left to do.
            try migrator.migrate(database)
        }
        return isChanged
    }

    /// A database that a newer version of the program has changed.
    public struct SchemaTooNew: Error, CustomStringConvertible {
        /// Says so.
        public let description = "it was written by a newer version of petpro; use that one"
    }

    /// How long a statement waits for another process that writes. Well below the time that calls have, so that a caller
    /// is told to come again while it still listens. 2 s.
    private static let busyTimeout = 2.0

    private static let readerCount = max(2, min(4, ProcessInfo.processInfo.activeProcessorCount))

    private static var configuration: GRDB.Configuration {
        var configuration = GRDB.Configuration()
        configuration.foreignKeysEnabled = true
        // Another process of the same service may be writing.
        configuration.busyMode = .timeout(busyTimeout)
        // What is deleted is overwritten.
        configuration.prepareDatabase { try $0.execute(sql: "PRAGMA secure_delete = ON") }
        return configuration
    }

    /// Reads from one consistent state. Throws `OVERLOADED` when another process keeps the database locked, or when too many
    /// jobs wait for it.
    public func read<Result: Sendable>(
        _ body: @Sendable @escaping (Transaction) throws -> Result
    ) async throws -> Result {
        try await readers.perform(.read, body)
    }

    /// Reads and writes in one transaction; throwing rolls it back. Throws `OVERLOADED` when another process keeps the
    /// database locked, or when too many jobs wait for it, and `DEADLINE_EXCEEDED` when the message that is handled has no
    /// time left as it begins.
    ///
    /// Returns, or throws, after the commit. `body` may run more than once, when a commit that it shared with others failed;
    /// only what it does last has an effect. Cancelling the task does not keep it from running.
    @discardableResult
    public func write<Result: Sendable>(
        _ body: @Sendable @escaping (Transaction) throws -> Result
    ) async throws -> Result {
        try await writer.perform(.write, body)
    }

    /// How SQLite would find the rows of a query.
    package func plan(_ sql: String, _ values: [any SQLConvertible]) async throws -> String {
        try await read { transaction in
            try transaction.rows("EXPLAIN QUERY PLAN " + sql, values) { row in
                // Its columns are id, parent, an unused one, and what it does.
                for _ in 0..<3 { _ = try row.int() }
                return try row.text()
            }.joined(separator: "; ")
        }
    }

    /// The texts of the statements that have run.
    package var statements: Set<String> { readers.prepared.union(writer.prepared) }

    /// Whether a table has no rows. A service that starts beside others asks first, and so need not wait for a writer.
    public func isEmpty(_ table: String) async throws -> Bool {
        try await read { try !$0.exists("SELECT 1 FROM \(table) LIMIT 1") }
    }

    /// Writes the log of changes into the database file, so that bytes which were overwritten there are gone from the log
    /// too. Does what it can while others read.
    public func checkpoint() async throws {
        _ = try await writer.perform(.bare) { try $0.execute("PRAGMA wal_checkpoint(TRUNCATE)") }
    }

    /// Closes the files. Nothing may be under way.
    public func close() throws {
        if readers !== writer { try readers.close() }
        try writer.close()
    }
}

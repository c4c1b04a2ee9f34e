import Foundation
import GRDB
import Rookery

/// One service's database. Statements use `?` for arguments.
///
/// Reads and writes run on the database's own threads, never on an event loop. Writes are serial and immediate: a write
/// transaction sees no other write between its first read and its commit.
public final class Database: Sendable {
    private let pool: any GRDB.DatabaseWriter
    /// Told after each commit that published events.
    public let outboxSignal = Signal()

    /// Opens, and makes if need be, the database in a file, and brings its schema up to date. Only the owner of the process
    /// may read the file.
    ///
    /// - Throws: ``SchemaTooNew``, or what SQLite says, for example when the file is no database.
    public convenience init(path: String, migrations: [Migration]) throws {
        try PrivateFiles.prepare(file: path)
        let pool = try DatabasePool(path: path, configuration: Self.configuration)
        // GRDB sets NORMAL when it turns the write-ahead log on, after whatever a configuration prepared. With FULL a
        // commit that was acknowledged survives a power cut, not only a killed process.
        try pool.writeWithoutTransaction { try $0.execute(sql: "PRAGMA synchronous = FULL") }
        try self.init(pool: pool, migrations: migrations)
    }

    /// Opens a database that is there to look into it, whatever version of the program wrote it: nothing can be changed.
    public init(inspecting path: String) throws {
        var configuration = GRDB.Configuration()
        configuration.readonly = true
        configuration.busyMode = .timeout(Self.busyTimeout)
        pool = try DatabaseQueue(path: path, configuration: configuration)
    }

    /// A database in memory, gone with this object.
    public convenience init(inMemory migrations: [Migration]) throws {
        try self.init(pool: DatabaseQueue(configuration: Self.configuration), migrations: migrations)
    }

    private init(pool: any GRDB.DatabaseWriter, migrations: [Migration]) throws {
        self.pool = pool
        var migrator = DatabaseMigrator()
        for migration in Migration.common + migrations {
            migrator.registerMigration(migration.name) { try $0.execute(sql: migration.sql) }
        }
        let isTooNew = try pool.read { [migrator] in try migrator.hasBeenSuperseded($0) }
        if isTooNew { throw SchemaTooNew() }
        let isChanged = try pool.read { [migrator] in try !migrator.hasCompletedMigrations($0) }
        do {
            try migrator.migrate(pool)
        } catch {
            // Another instance may have done the same step at the same moment; then there is nothing left to do.
            try migrator.migrate(pool)
        }
        // What a migration overwrote is to go from the log of changes, too.
        if isChanged, pool is DatabasePool {
            try pool.writeWithoutTransaction { try $0.execute(sql: "PRAGMA wal_checkpoint(TRUNCATE)") }
        }
    }

    /// A database that a newer version of the program has changed.
    public struct SchemaTooNew: Error, CustomStringConvertible {
        /// Says so.
        public let description = "it was written by a newer version of petpro; use that one"
    }

    /// How long a statement waits for another process that writes. Well below the time that calls have, so that a caller
    /// is told to come again while it still listens. 2 s.
    private static let busyTimeout = 2.0

    private static var configuration: GRDB.Configuration {
        var configuration = GRDB.Configuration()
        configuration.foreignKeysEnabled = true
        // Another process of the same service may be writing.
        configuration.busyMode = .timeout(busyTimeout)
        configuration.maximumReaderCount = max(2, min(4, ProcessInfo.processInfo.activeProcessorCount))
        configuration.qos = .utility
        // What is deleted is overwritten.
        configuration.prepareDatabase { try $0.execute(sql: "PRAGMA secure_delete = ON") }
        return configuration
    }

    /// Reads from one consistent state. Throws `OVERLOADED` when another process keeps the database locked.
    public func read<Result: Sendable>(_ body: @Sendable @escaping (Transaction) throws -> Result) async throws
        -> Result
    {
        try await tellingBusy { try await pool.read { try body(Transaction($0)) } }
    }

    /// Reads and writes in one transaction; throwing rolls it back. Throws `OVERLOADED` when another process keeps the
    /// database locked, and `DEADLINE_EXCEEDED` when the message that is handled has no time left as it begins.
    @discardableResult
    public func write<Result: Sendable>(
        _ body: @Sendable @escaping (Transaction) throws -> Result
    ) async throws -> Result {
        // Its own thread does not see the task's context.
        let context = MessageContext.current
        let (result, published) = try await tellingBusy {
            try await pool.write { database in
                // Others may have kept it waiting: too late is too late.
                try context?.checkDeadline()
                let transaction = Transaction(database)
                return (try body(transaction), transaction.hasPublished)
            }
        }
        if published { outboxSignal.send() }
        return result
    }

    /// A lock that another process holds is load, not a fault: nothing was done, and the caller may come again.
    private func tellingBusy<Result: Sendable>(_ body: () async throws -> Result) async throws -> Result {
        do {
            return try await body()
        } catch let error as DatabaseError
            where error.resultCode == .SQLITE_BUSY || error.resultCode == .SQLITE_LOCKED
        {
            throw RemoteError(.overloaded, "The database is busy.", details: ["retryAfterMs": 200])
        }
    }

    /// How much of a commit is on disk when it is acknowledged: 2 is all of it (`PRAGMA synchronous`).
    func synchronous() async throws -> Int? {
        try await pool.write { try Int.fetchOne($0, sql: "PRAGMA synchronous") }
    }

    /// How SQLite would find the rows of a query.
    package func plan(_ sql: String, _ values: [any SQLConvertible]) async throws -> String {
        try await read { transaction in
            try transaction.rows("EXPLAIN QUERY PLAN " + sql, values).map { try $0.text("detail") }.joined(
                separator: "; ")
        }
    }

    /// Whether a table has no rows. A service that starts beside others asks first, and so need not wait for a writer.
    public func isEmpty(_ table: String) async throws -> Bool {
        try await read { try $0.row("SELECT 1 AS one FROM \(table) LIMIT 1") == nil }
    }

    /// Writes the log of changes into the database file, so that bytes which were overwritten there are gone from the log
    /// too. Does what it can while others read.
    public func checkpoint() async throws {
        try await pool.barrierWriteWithoutTransaction { try $0.execute(sql: "PRAGMA wal_checkpoint(TRUNCATE)") }
    }

    /// Closes the files. Nothing may be under way.
    public func close() throws {
        try pool.close()
    }
}

/// Statements within one transaction. Only valid inside the closure that got it.
public final class Transaction {
    private let database: GRDB.Database
    private(set) var hasPublished = false

    init(_ database: GRDB.Database) { self.database = database }

    /// A unique or check constraint refused a write.
    public struct ConstraintViolated: Error {
        /// What SQLite says, with table and column.
        public let message: String
    }

    private func arguments(_ values: [any SQLConvertible]) -> StatementArguments {
        StatementArguments(
            values.map { value -> (any DatabaseValueConvertible)? in
                switch value.sqlValue {
                case .null: nil
                case .integer(let value): value
                case .real(let value): value
                case .text(let value): value
                case .blob(let value): Data(value)
                }
            })
    }

    /// Runs a statement that changes rows; gives how many it changed. Throws ``ConstraintViolated`` when a constraint
    /// refused it.
    @discardableResult
    public func execute(_ sql: String, _ values: any SQLConvertible...) throws -> Int {
        do {
            try database.execute(sql: sql, arguments: arguments(values))
        } catch let error as DatabaseError where error.resultCode == .SQLITE_CONSTRAINT {
            throw ConstraintViolated(message: error.message ?? "constraint violated")
        }
        return database.changesCount
    }

    /// Inserts a row and gives its id.
    public func insert(_ sql: String, _ values: any SQLConvertible...) throws -> Int {
        do {
            try database.execute(sql: sql, arguments: arguments(values))
        } catch let error as DatabaseError where error.resultCode == .SQLITE_CONSTRAINT {
            throw ConstraintViolated(message: error.message ?? "constraint violated")
        }
        return Int(database.lastInsertedRowID)
    }

    /// The rows of a query.
    public func rows(_ sql: String, _ values: any SQLConvertible...) throws -> [Row] { try rows(sql, values) }

    /// The rows of a query whose values come in a list.
    public func rows(_ sql: String, _ values: [any SQLConvertible]) throws -> [Row] {
        try GRDB.Row.fetchAll(database, sql: sql, arguments: arguments(values)).map(Self.row)
    }

    /// The first row of a query.
    public func row(_ sql: String, _ values: any SQLConvertible...) throws -> Row? {
        try GRDB.Row.fetchOne(database, sql: sql, arguments: arguments(values)).map(Self.row)
    }

    private static func row(_ row: GRDB.Row) -> Row {
        var columns: [String: SQLValue] = [:]
        for (name, value) in row {
            switch value.storage {
            case .null: columns[name] = .null
            case .int64(let value): columns[name] = .integer(value)
            case .double(let value): columns[name] = .real(value)
            case .string(let value): columns[name] = .text(value)
            case .blob(let value): columns[name] = .blob(Array(value))
            }
        }
        return Row(columns: columns)
    }

    /// Notes that events were written, so that the relay is told after the commit.
    func published() { hasPublished = true }
}

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

    /// Opens, and makes if need be, the database in a file, and brings its schema up to date.
    ///
    /// - Throws: what SQLite says, for example when the file is no database.
    public convenience init(path: String, migrations: [Migration]) throws {
        var configuration = Self.configuration
        // A commit that was acknowledged survives a power cut, not only a killed process.
        configuration.prepareDatabase { database in
            try database.execute(sql: "PRAGMA synchronous = FULL")
        }
        try self.init(pool: DatabasePool(path: path, configuration: configuration), migrations: migrations)
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
        do {
            try migrator.migrate(pool)
        } catch {
            // Another instance may have done the same step at the same moment; then there is nothing left to do.
            try migrator.migrate(pool)
        }
    }

    private static var configuration: GRDB.Configuration {
        var configuration = GRDB.Configuration()
        configuration.foreignKeysEnabled = true
        // Another process of the same service may be writing.
        configuration.busyMode = .timeout(5)
        configuration.maximumReaderCount = 4
        return configuration
    }

    /// Reads from one consistent state.
    public func read<Result: Sendable>(_ body: @Sendable @escaping (Transaction) throws -> Result) async throws
        -> Result
    {
        try await pool.read { try body(Transaction($0)) }
    }

    /// Reads and writes in one transaction; throwing rolls it back.
    @discardableResult
    public func write<Result: Sendable>(
        _ body: @Sendable @escaping (Transaction) throws -> Result
    ) async throws -> Result {
        let (result, published) = try await pool.write { database in
            let transaction = Transaction(database)
            return (try body(transaction), transaction.hasPublished)
        }
        if published { outboxSignal.send() }
        return result
    }

    /// Whether a table has no rows. A service that starts beside others asks first, and so need not wait for a writer.
    public func isEmpty(_ table: String) async throws -> Bool {
        try await read { try $0.row("SELECT 1 AS one FROM \(table) LIMIT 1") == nil }
    }

    /// Closes the files. Nothing may be under way.
    public func close() throws {
        try pool.close()
    }
}

/// A step of a schema. Once released it never changes; later steps change what it made.
public struct Migration: Sendable {
    /// The step's name, unique within a database.
    public let name: String
    /// Its statements.
    public let sql: String

    /// Names a step.
    public init(_ name: String, _ sql: String) {
        self.name = name
        self.sql = sql
    }

    /// What every service's database has: events to deliver, events received, and replies kept by idempotency key.
    static let common = [
        Migration(
            "common-1",
            """
            CREATE TABLE outbox (
                id INTEGER PRIMARY KEY AUTOINCREMENT,
                event_id TEXT NOT NULL,
                subscriber TEXT NOT NULL,
                type TEXT NOT NULL,
                payload TEXT NOT NULL,
                occurred_at INTEGER NOT NULL,
                attempts INTEGER NOT NULL DEFAULT 0,
                next_attempt_at INTEGER NOT NULL DEFAULT 0,
                delivered_at INTEGER
            );
            CREATE INDEX outbox_due ON outbox (next_attempt_at) WHERE delivered_at IS NULL;
            CREATE TABLE inbox (
                event_id TEXT PRIMARY KEY,
                received_at INTEGER NOT NULL
            );
            CREATE TABLE idempotency (
                scope TEXT NOT NULL,
                key TEXT NOT NULL,
                digest TEXT NOT NULL,
                reply TEXT NOT NULL,
                created_at INTEGER NOT NULL,
                PRIMARY KEY (scope, key)
            );
            """),
        // Which instance of the service delivers its events: one at a time, or their order would be lost.
        Migration(
            "common-2",
            """
            CREATE TABLE relay_lease (
                id INTEGER PRIMARY KEY CHECK (id = 1),
                holder TEXT NOT NULL,
                until INTEGER NOT NULL
            );
            CREATE INDEX idempotency_age ON idempotency (created_at);
            """),
    ]
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
    public func rows(_ sql: String, _ values: any SQLConvertible...) throws -> [Row] {
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

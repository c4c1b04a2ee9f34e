import Foundation
import GRDB
import Rookery
public import PetProRuntime

/// The database of one service: a SQLite file, or a schema of a PostgreSQL database. Statements use `?` for arguments.
///
/// Reads and writes run on the database's own threads, never on an event loop. A write transaction sees no other write
/// between its first read and its commit. Writes that arrive during a commit share the next commit (group commit).
public final class Database: Sendable {
    private let readers: DatabaseThreads
    private let writer: DatabaseThreads
    /// Sent after each commit that published events, for the relay.
    public let eventSignal: Signal
    /// Sent with ``eventSignal``, for a service that follows its own changes. Each has one who waits.
    public let changeSignal: Signal
    /// Sent after each commit that erased a person.
    let erasureSignal: Signal
    private let keyStore: KeyStore?
    /// The protection of personal data. Nil when the database has no key store.
    public var protection: Protection? { keyStore?.protection }

    /// Opens the database in a file, and migrates its schema. Creates the file if it does not exist. Only the user of
    /// the process may read the file.
    ///
    /// With `protection`, personal data is sealed, and the data keys are in ``keyStorePath(of:)``. Without it, personal data
    /// is written as it is, and sealed data cannot be read.
    ///
    /// - Throws: ``SchemaTooNew``, ``PrivateFiles/NotPrivate``, an error that says which keys are missing, or the error of
    ///   SQLite, for example when the file is not a database.
    public convenience init(path: String, migrations: [Migration], protection: Protection? = nil) throws {
        try PrivateFiles.prepare(file: path)
        var configuration = Self.configuration
        configuration.journalMode = .wal
        let writer = try DatabaseQueue(path: path, configuration: configuration)
        // GRDB sets NORMAL when it enables the write-ahead log, after the configuration's own preparation. With FULL,
        // an acknowledged commit survives a power cut, not only a killed process.
        try writer.writeWithoutTransaction { try $0.execute(sql: "PRAGMA synchronous = FULL") }
        if try Self.migrate(writer, migrations) {
            // Removes from the write-ahead log, too, what a migration overwrote.
            try writer.writeWithoutTransaction { try $0.execute(sql: "PRAGMA wal_checkpoint(TRUNCATE)") }
        }
        var reading = Self.configuration
        reading.readonly = true
        let readers = try (0..<Self.readerCount).map { _ in try DatabaseQueue(path: path, configuration: reading) }
        let keyStore = try protection.map { try KeyStore(path: Self.keyStorePath(of: path), $0) }
        if let keyStore {
            try writer.writeWithoutTransaction {
                try Self.check(SQLiteConnection($0), keyStore, place: Self.keyStorePath(of: path))
            }
        }
        try self.init(writer, readers: readers, keyStore)
    }

    /// Opens an existing database read-only, without a migration. Any version of the program may have written it. Without
    /// `protection`, sealed data cannot be read. Throws the error of SQLite.
    public convenience init(inspecting path: String, protection: Protection? = nil) throws {
        var configuration = Self.configuration
        configuration.readonly = true
        let keyStore = try protection.map { try KeyStore(path: Self.keyStorePath(of: path), $0) }
        try self.init(try DatabaseQueue(path: path, configuration: configuration), readers: [], keyStore)
    }

    /// Makes a database in memory, which is released with this object. So is its key store.
    public convenience init(
        inMemory migrations: [Migration], protection: Protection? = Protection(service: "memory")
    ) throws {
        let connection = try DatabaseQueue(configuration: Self.configuration)
        _ = try Self.migrate(connection, migrations)
        try self.init(connection, readers: [], try protection.map { try KeyStore(path: nil, $0) })
    }

    /// The path of the key store of a database: `auth.keys.sqlite` beside `auth.sqlite`.
    public static func keyStorePath(of path: String) -> String {
        path.hasSuffix(".sqlite") ? path.dropLast(6) + "keys.sqlite" : path + ".keys"
    }

    /// The database was sealed with the keys of another key store.
    struct WrongKeyStore: Error, CustomStringConvertible {
        let place: String
        var description: String {
            "its personal data was sealed with another key store: put its \(place) back"
        }
    }

    /// Binds a database to its key store. Throws ``WrongKeyStore`` when it is bound to another one.
    private static func check(_ connection: Connection, _ keyStore: KeyStore, place: String) throws {
        if try connection.texts("SELECT mark FROM key_store WHERE id = 1").isEmpty {
            try connection.perform(
                "INSERT INTO key_store (id, mark) VALUES (1, ?) ON CONFLICT DO NOTHING", [keyStore.mark]
            ) { try $0.finish() }
        }
        if try connection.texts("SELECT mark FROM key_store WHERE id = 1") != [keyStore.mark] {
            throw WrongKeyStore(place: place)
        }
    }

    private convenience init(_ writer: DatabaseQueue, readers: [DatabaseQueue], _ keyStore: KeyStore?) throws {
        func session(_ queue: DatabaseQueue) throws -> any EngineSession {
            SQLiteSession(queue, try keyStore?.connect())
        }
        self.init(try session(writer), readers: try readers.map(session), keyStore)
    }

    /// Without `readers`, the thread that writes also reads.
    private init(_ writer: any EngineSession, readers: [any EngineSession], _ keyStore: KeyStore?) {
        let (published, changed, erased) = (Signal(), Signal(), Signal())
        eventSignal = published
        changeSignal = changed
        erasureSignal = erased
        self.keyStore = keyStore
        self.writer = DatabaseThreads(
            "db-write", [writer],
            onPublished: {
                published.send()
                changed.send()
            }, onErased: { erased.send() })
        self.readers = readers.isEmpty ? self.writer : DatabaseThreads("db-read", readers)
    }

    /// Connects to a schema of a PostgreSQL database, makes it if it does not exist, and migrates it. Processes may do so at
    /// once.
    ///
    /// With `protection`, personal data is sealed, and the data keys are in a schema of their own. `readers` is the number of
    /// connections that only read; with 0, the connection that writes also reads. Throws ``SchemaTooNew``, an error that says which
    /// keys are missing, or ``EngineError``.
    package convenience init(
        _ target: PostgresTarget, migrations: [Migration], protection: Protection? = nil, readers: Int = readerCount
    ) throws {
        let writer = try PostgresConnection(target)
        try PostgresMigrator(target).migrate(writer, migrations)
        let keyStore = try protection.map { try KeyStore(writer, of: target, $0) }
        if let keyStore { try Self.check(writer, keyStore, place: "schema \(target.keysSchema)") }
        func session(_ connection: PostgresConnection) -> any EngineSession {
            if let keyStore { connection.attach(KeyStoreConnection(keyStore, sharing: connection)) }
            return PostgresSession(connection)
        }
        try writer.requireRoom(for: readers)
        let others = try (0..<readers).map { _ in session(try PostgresConnection(target)) }
        self.init(session(writer), readers: others, keyStore)
    }

    /// Connects to an existing schema of a PostgreSQL database, without a migration. Any version of the program may have written
    /// it. Throws ``EngineError``.
    package convenience init(inspecting target: PostgresTarget, protection: Protection? = nil) throws {
        let connection = try PostgresConnection(target)
        let keyStore = try protection.map { try KeyStore(connection, of: target, $0) }
        if let keyStore { connection.attach(KeyStoreConnection(keyStore, sharing: connection)) }
        self.init(PostgresSession(connection), readers: [], keyStore)
    }

    /// Migrates a schema. Returns false when it was up to date. Throws ``SchemaTooNew``.
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
            // Another instance may have run the same step at the same moment. Then the second try finds nothing to do.
            try migrator.migrate(database)
        }
        return isChanged
    }

    /// A newer version of the program has migrated the database.
    public struct SchemaTooNew: Error, CustomStringConvertible {
        /// The message for the operator.
        public let description = "it was written by a newer version of petpro; use that one"
    }

    /// How long a statement waits for another process that writes: 2 s. That is well below the deadlines of calls, so a
    /// caller gets the refusal before its deadline.
    private static let busyTimeout = 2.0

    package static let readerCount = max(2, min(4, ProcessInfo.processInfo.activeProcessorCount))

    static var configuration: GRDB.Configuration {
        var configuration = GRDB.Configuration()
        configuration.foreignKeysEnabled = true
        // Another process of the same service may be writing.
        configuration.busyMode = .timeout(busyTimeout)
        // SQLite overwrites deleted content.
        configuration.prepareDatabase { try $0.execute(sql: "PRAGMA secure_delete = ON") }
        return configuration
    }

    /// Runs `body` in a read transaction, which sees one consistent state.
    ///
    /// Throws what `body` throws, and `OVERLOADED` when another process keeps the database locked or too many jobs
    /// wait. `body` may run more than once. Cancelling the task does not stop it.
    public func read<Result: Sendable>(
        _ body: @Sendable @escaping (Transaction) throws -> Result
    ) async throws -> Result {
        try await readers.perform(.read, nil, body)
    }

    /// Runs `body` in a write transaction, and returns after the commit. If `body` throws, its changes are rolled back.
    ///
    /// Throws what `body` throws, and `OVERLOADED` when another process keeps the database locked or too many jobs
    /// wait. Throws `DEADLINE_EXCEEDED` when the deadline of the current message has passed before `body` begins.
    ///
    /// Throws `OVERLOADED` when the database is not reachable or its disk is full, and `DEADLINE_EXCEEDED` when the outcome of the
    /// commit is unknown.
    ///
    /// `body` may run more than once, when a shared commit failed. Only its last run has an effect. Cancelling the task
    /// does not stop it.
    @discardableResult
    public func write<Result: Sendable>(
        _ body: @Sendable @escaping (Transaction) throws -> Result
    ) async throws -> Result {
        try await write(nil, body)
    }

    /// Runs `body` as ``write(_:)`` does, and says before what it reads, so that PostgreSQL answers that in one round trip or
    /// earlier. With nil, nothing is said.
    @discardableResult
    public func write<Result: Sendable>(
        _ readAhead: ReadAhead?, _ body: @Sendable @escaping (Transaction) throws -> Result
    ) async throws -> Result {
        try await writer.perform(.write, readAhead, body)
    }

    /// How many reads and writes wait for a thread.
    package var jobsWaiting: Int { writer.waiting + (readers === writer ? 0 : readers.waiting) }

    /// Returns the engine's plan of a statement.
    package func plan(_ sql: String, _ values: [any SQLConvertible]) async throws -> String {
        try await read { transaction in
            guard transaction.connection is SQLiteConnection else {
                return try transaction.rows("EXPLAIN " + sql, values) { try $0.text() }.joined(separator: "\n")
            }
            return try transaction.rows("EXPLAIN QUERY PLAN " + sql, values) { row in
                // The columns are id, parent, an unused one, and the detail.
                for _ in 0..<3 { _ = try row.int() }
                return try row.text()
            }.joined(separator: "; ")
        }
    }

    /// The names of the service's tables.
    package func tables() async throws -> [String] {
        try await read { transaction in
            try transaction.connection.tables()
        }
    }

    /// The texts of the statements that have run.
    package var statements: Set<String> { readers.prepared.union(writer.prepared) }

    /// Returns whether a table has no rows. It only reads, so a starting instance need not wait for the writes of
    /// others.
    public func isEmpty(_ table: String) async throws -> Bool {
        try await read { try !$0.exists("SELECT 1 FROM \(table) LIMIT 1") }
    }

    /// Runs `body` on the thread that writes, outside a transaction.
    func bare<Result: Sendable>(
        _ body: @Sendable @escaping (Transaction) throws -> Result
    ) async throws -> Result {
        try await writer.perform(.bare, nil, body)
    }

    /// Moves SQLite's write-ahead log into the database file and empties it, so that overwritten bytes disappear from the log
    /// too. While others read, it moves only a part, and returns false. With PostgreSQL, it does nothing.
    @discardableResult
    public func checkpoint() async throws -> Bool {
        try await bare { transaction in
            guard transaction.connection is SQLiteConnection else { return true }
            return try transaction.row("PRAGMA wal_checkpoint(TRUNCATE)") { try $0.int() == 0 } ?? true
        }
    }

    /// Closes the files. No read or write may be under way.
    public func close() throws {
        if readers !== writer { try readers.close() }
        try writer.close()
    }
}

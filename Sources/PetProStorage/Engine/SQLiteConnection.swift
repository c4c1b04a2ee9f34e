import GRDB
import GRDBSQLite

/// A connection to a SQLite database.
final class SQLiteConnection: Connection {
    private let database: GRDB.Database
    private var statements: [String: GRDB.Statement] = [:]
    /// The most prepared statements that a connection keeps. Then it drops all of them. Only generated texts reach the
    /// limit.
    private static let statementLimit = 512

    init(_ database: GRDB.Database, _ keyStore: KeyStoreConnection? = nil) {
        self.database = database
        super.init(keyStore)
    }

    override var prepared: [String] { Array(statements.keys) }

    // SQLite ends a transaction by itself, for example when the disk is full.
    override var isInTransaction: Bool { sqlite3_get_autocommit(handle) == 0 }

    override var changes: Int { Int(sqlite3_changes(handle)) }

    private var handle: OpaquePointer? { database.sqliteConnection }

    override func begin(_ access: DatabaseJob.Access) throws {
        switch access {
        case .read: try execute("BEGIN DEFERRED")
        case .write: try execute("BEGIN IMMEDIATE")
        case .bare: break
        }
    }

    private func statement(_ sql: String) throws -> GRDB.Statement {
        if let known = statements[sql] { return known }
        let made: GRDB.Statement
        do {
            made = try database.makeStatement(sql: sql)
        } catch let error as DatabaseError {
            throw EngineError(error)
        }
        if statements.count >= Self.statementLimit { statements = [:] }
        statements[sql] = made
        return made
    }

    override func perform<Value>(
        _ sql: String, _ values: [any SQLConvertible], _ body: (borrowing Statement) throws -> Value
    ) throws -> Value {
        let prepared = try self.statement(sql)
        let statement = SQLiteStatement(prepared.sqliteStatement, handle, sql)
        defer { statement.reset() }
        try statement.bind(values)
        return try body(Statement(.sqlite(statement)))
    }

    override func close() throws {
        statements = [:]
        try super.close()
    }
}

extension EngineError {
    /// The error of GRDB.
    init(_ error: DatabaseError) {
        self.init(Self.kind(error.resultCode), error.message ?? "\(error.resultCode)", sql: error.sql)
    }

    static func kind(_ code: ResultCode) -> Kind {
        switch code.primaryResultCode {
        case .SQLITE_CONSTRAINT: .constraint
        case .SQLITE_BUSY, .SQLITE_LOCKED: .busy
        case .SQLITE_FULL: .full
        default: .other
        }
    }
}

import GRDB
import GRDBSQLite

/// One connection to a database, with its statements, each prepared once. Confined to one thread at a time.
final class Connection {
    private let database: GRDB.Database
    private var statements: [String: GRDB.Statement] = [:]
    /// Statements that are kept prepared. There are fewer, unless their texts are made anew each time.
    private static let statementLimit = 512

    init(_ database: GRDB.Database) { self.database = database }

    /// The texts of the statements that were prepared.
    var prepared: [String] { Array(statements.keys) }

    /// Whether a transaction has begun and not ended. SQLite ends one by itself when it can do nothing else, for example
    /// when the disk is full.
    var isInTransaction: Bool { sqlite3_get_autocommit(handle) == 0 }

    /// Rows that the last statement changed.
    var changes: Int { Int(sqlite3_changes(handle)) }

    /// The id of the row that was inserted last.
    var lastInsertedId: Int { Int(sqlite3_last_insert_rowid(handle)) }

    private var handle: OpaquePointer? { database.sqliteConnection }

    private func statement(_ sql: String) throws -> GRDB.Statement {
        if let known = statements[sql] { return known }
        let made = try database.makeStatement(sql: sql)
        if statements.count >= Self.statementLimit { statements = [:] }
        statements[sql] = made
        return made
    }

    /// Runs a statement without values.
    func execute(_ sql: String) throws { try perform(sql, []) { try $0.finish() } }

    /// Binds values to a statement and has `body` step through it. Throws `DatabaseError`.
    func perform<Value>(
        _ sql: String, _ values: [any SQLConvertible], _ body: (borrowing Statement) throws -> Value
    ) throws -> Value {
        let prepared = try self.statement(sql)
        let statement = Statement(prepared.sqliteStatement, handle, sql)
        defer { statement.reset() }
        try statement.bind(values)
        return try body(statement)
    }
}

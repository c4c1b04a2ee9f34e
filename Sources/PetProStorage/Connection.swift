import GRDB
import GRDBSQLite

/// One connection to a database, which prepares each statement once. Confined to one thread at a time.
final class Connection {
    private let database: GRDB.Database
    private var statements: [String: GRDB.Statement] = [:]
    /// The most prepared statements that a connection keeps. Then it drops all of them. Only generated texts reach the
    /// limit.
    private static let statementLimit = 512

    /// The data keys of the people in the database. Nil when the database has no key store.
    let keyStore: KeyStoreConnection?

    init(_ database: GRDB.Database, _ keyStore: KeyStoreConnection? = nil) {
        self.database = database
        self.keyStore = keyStore
    }

    /// The texts of the prepared statements.
    var prepared: [String] { Array(statements.keys) }

    /// Whether a transaction is open. SQLite itself ends a transaction after some errors, for example when the disk is
    /// full.
    var isInTransaction: Bool { sqlite3_get_autocommit(handle) == 0 }

    /// The number of rows that the last statement changed.
    var changes: Int { Int(sqlite3_changes(handle)) }

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

    /// Returns the texts in the first column of a query.
    func texts(_ sql: String, _ values: any SQLConvertible...) throws -> [String] {
        try perform(sql, values) { statement in
            var found: [String] = []
            while try statement.step() {
                var row = statement.row
                found.append(try row.text())
            }
            return found
        }
    }

    /// Binds values to a statement, through which `body` steps. Throws `DatabaseError`, and what `body` throws.
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

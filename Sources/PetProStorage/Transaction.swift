import GRDB
import Rookery

/// Statements within one transaction. Only valid inside the closure that got it.
public final class Transaction {
    private let connection: Connection
    private(set) var hasPublished = false

    init(_ connection: Connection) { self.connection = connection }

    /// A unique or check constraint refused a write.
    public struct ConstraintViolated: Error {
        /// What the database says, with table and column.
        public let message: String
    }

    private func perform<Value>(
        _ sql: String, _ values: [any SQLConvertible], _ read: (borrowing Statement) throws -> Value
    ) throws -> Value {
        do {
            return try connection.perform(sql, values, read)
        } catch let error as DatabaseError where error.resultCode == .SQLITE_CONSTRAINT {
            throw ConstraintViolated(message: error.message ?? "constraint violated")
        }
    }

    /// Runs a statement that changes rows; gives how many it changed. Throws ``ConstraintViolated`` when a constraint
    /// refused it.
    @discardableResult
    public func execute(_ sql: String, _ values: any SQLConvertible...) throws -> Int {
        try perform(sql, values) { try $0.finish() }
        return connection.changes
    }

    /// Inserts a row and gives its id. Throws ``ConstraintViolated`` when a constraint refused it.
    public func insert(_ sql: String, _ values: any SQLConvertible...) throws -> Int {
        try perform(sql, values) { try $0.finish() }
        return connection.lastInsertedId
    }

    /// What `read` makes of each row of a query.
    public func rows<Value>(
        _ sql: String, _ values: any SQLConvertible..., read: (inout Row) throws -> Value
    ) throws -> [Value] {
        try rows(sql, values, read: read)
    }

    /// What `read` makes of each row of a query whose values come in a list.
    public func rows<Value>(
        _ sql: String, _ values: [any SQLConvertible], read: (inout Row) throws -> Value
    ) throws -> [Value] {
        try perform(sql, values) { statement in
            var found: [Value] = []
            while try statement.step() {
                var row = statement.row
                found.append(try read(&row))
            }
            return found
        }
    }

    /// What `read` makes of the first row of a query; nil when there is none.
    public func row<Value>(
        _ sql: String, _ values: any SQLConvertible..., read: (inout Row) throws -> Value
    ) throws -> Value? {
        try perform(sql, values) { statement in
            guard try statement.step() else { return nil }
            var row = statement.row
            return try read(&row)
        }
    }

    /// Whether a query has a row.
    public func exists(_ sql: String, _ values: any SQLConvertible...) throws -> Bool {
        try perform(sql, values) { try $0.step() }
    }

    /// The rows of a query by the names of their columns: to look at, not to compute with.
    package func table(_ sql: String, _ values: any SQLConvertible...) throws -> [[String: SQLValue]] {
        try perform(sql, values) { statement in
            var found: [[String: SQLValue]] = []
            while try statement.step() {
                var row = statement.row
                found.append(statement.columns.reduce(into: [:]) { $0[$1] = row.any() })
            }
            return found
        }
    }

    /// Notes that events were written, so that the relay is told after the commit.
    func published() { hasPublished = true }
}

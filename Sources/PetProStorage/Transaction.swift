import Rookery
import Tracing

/// Runs statements within one transaction. Valid only inside the closure that receives it.
public final class Transaction {
    let connection: Connection
    private(set) var hasPublished = false
    private(set) var hasErased = false
    /// The context of the task whose closure runs.
    var surroundings: ServiceContext?
    /// The data keys that were used, by person.
    var dataKeys: [Int: SealingKey] = [:]

    /// The data keys of the people in the database. Nil when the database has no key store.
    var keyStore: KeyStoreConnection? { connection.keyStore }

    init(_ connection: Connection) { self.connection = connection }

    /// A unique or check constraint refused a write.
    public struct ConstraintViolated: Error {
        /// The message of the engine, with the table and the column, or the constraint.
        public let message: String
    }

    private func perform<Value>(
        _ sql: String, _ values: [any SQLConvertible], _ read: (borrowing Statement) throws -> Value
    ) throws -> Value {
        do {
            return try connection.perform(sql, values, read)
        } catch let error as EngineError where error.kind == .constraint && !error.isOfEarlier {
            throw ConstraintViolated(message: error.message)
        }
    }

    /// Runs a statement, and returns how many rows it changed. Throws ``ConstraintViolated`` when a constraint refuses
    /// it.
    @discardableResult
    public func execute(_ sql: String, _ values: any SQLConvertible...) throws -> Int {
        try execute(sql, values)
    }

    /// Runs a statement that returns no rows. PostgreSQL gets it with the next statement or the commit, so that it costs no round
    /// trip. SQLite runs it at once. PostgreSQL may run several of these at once: none may read what another one writes into
    /// another table.
    ///
    /// Throws the error of the engine. With PostgreSQL, the next statement or the commit throws it, never as
    /// ``ConstraintViolated``, and the whole transaction is rolled back. Do not catch it.
    public func executeLater(_ sql: String, _ values: any SQLConvertible...) throws {
        try connection.executeLater(sql, values)
    }

    /// Runs a statement whose values are in an array.
    @discardableResult
    func execute(_ sql: String, _ values: [any SQLConvertible]) throws -> Int {
        try perform(sql, values) { try $0.finish() }
        return connection.changes
    }

    /// Inserts a row by a statement that ends in `RETURNING` and a number, such as the id, and returns that number. Throws
    /// ``ConstraintViolated`` when a constraint refuses the row.
    public func insert(_ sql: String, _ values: any SQLConvertible...) throws -> Int {
        try perform(sql, values) { statement in
            guard try statement.step() else { throw InsertWithoutReturning(sql: sql) }
            var row = statement.row
            let number = try row.int()
            try statement.finish()
            return number
        }
    }

    private struct InsertWithoutReturning: Error { let sql: String }

    /// Returns the results of `read` for each row of a query. Throws what `read` throws.
    public func rows<Value>(
        _ sql: String, _ values: any SQLConvertible..., read: (inout Row) throws -> Value
    ) throws -> [Value] {
        try rows(sql, values, read: read)
    }

    /// Returns the results of `read` for each row of a query whose values are in an array. Throws what `read` throws.
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

    /// Returns the result of `read` for the first row of a query, or nil without a row. Throws what `read` throws.
    public func row<Value>(
        _ sql: String, _ values: any SQLConvertible..., read: (inout Row) throws -> Value
    ) throws -> Value? {
        try row(sql, values, read: read)
    }

    /// Returns the result of `read` for the first row of a query whose values are in an array.
    func row<Value>(
        _ sql: String, _ values: [any SQLConvertible], read: (inout Row) throws -> Value
    ) throws -> Value? {
        try perform(sql, values) { statement in
            guard try statement.step() else { return nil }
            var row = statement.row
            return try read(&row)
        }
    }

    /// Returns whether a query has a row.
    public func exists(_ sql: String, _ values: any SQLConvertible...) throws -> Bool {
        try perform(sql, values) { try $0.step() }
    }

    /// Returns the rows of a query by column name, for inspection only.
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

    /// Notes that events were written, so that the relay is notified after the commit.
    func published() { hasPublished = true }

    /// Notes that a person was erased, so that the person's data key is destroyed after the commit.
    func erased() { hasErased = true }
}

/// The text of a statement that reads, and its values.
public struct Query: Sendable {
    let sql: String
    let values: [any SQLConvertible]

    /// Makes a query. Each `?` of the text stands for the next value.
    public init(_ sql: String, _ values: any SQLConvertible...) {
        self.sql = sql
        self.values = values
    }
}

extension Transaction {
    /// Announces the queries of a closure that only reads, with exactly these values. They see one state.
    ///
    /// PostgreSQL then needs one statement and one round trip, and no transaction around it. What else the closure reads, it reads
    /// from a later state. Throws the error of the engine.
    public func expectAll(_ queries: [Query?]) throws { try connection.expectAll(queries.compactMap(\.self)) }

    /// Returns the results of `read` for each row of a query. Throws what `read` throws.
    public func rows<Value>(_ query: Query, read: (inout Row) throws -> Value) throws -> [Value] {
        try rows(query.sql, query.values, read: read)
    }

    /// Returns the result of `read` for the first row of a query, or nil without a row. Throws what `read` throws.
    public func row<Value>(_ query: Query, read: (inout Row) throws -> Value) throws -> Value? {
        try row(query.sql, query.values, read: read)
    }

    /// Returns whether a query has a row.
    public func exists(_ query: Query) throws -> Bool { try row(query) { _ in true } ?? false }
}

/// A statement while it runs, of one of the engines.
struct Statement: ~Copyable {
    enum Source {
        case sqlite(SQLiteStatement)
        case postgres(PostgresCursor)
    }

    private let source: Source

    init(_ source: Source) { self.source = source }

    /// Steps to the next row. Returns false at the end. Throws ``EngineError``.
    func step() throws -> Bool {
        switch source {
        case .sqlite(let statement): try statement.step()
        case .postgres(let cursor): cursor.step()
        }
    }

    /// Steps to the end, and ignores the rows.
    func finish() throws { while try step() {} }

    /// The current row.
    var row: Row {
        switch source {
        case .sqlite(let statement): Row(.sqlite(statement.pointer))
        case .postgres(let cursor): Row(.postgres(cursor))
        }
    }

    /// The names of the columns.
    var columns: [String] {
        switch source {
        case .sqlite(let statement): statement.columns
        case .postgres(let cursor): cursor.columns
        }
    }
}

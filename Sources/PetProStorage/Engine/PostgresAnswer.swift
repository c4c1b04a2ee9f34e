import CPostgres

/// The rows that answer one query: a whole result, or the part of a ``JoinedQueries`` result that is the query's.
struct PostgresAnswer {
    let result: PostgresResult
    /// The query's rows within the result. Nil for all.
    private let rows: [Int32]?
    let firstColumn: Int32
    let columnCount: Int32

    init(_ result: PostgresResult) {
        self.result = result
        rows = nil
        firstColumn = 0
        columnCount = PQnfields(result.pointer)
    }

    init(_ result: PostgresResult, rows: [Int32], columns: Range<Int32>) {
        self.result = result
        self.rows = rows
        firstColumn = columns.lowerBound
        columnCount = Int32(columns.count)
    }

    /// The row within the result that is at a position within the answer. Nil behind the last one.
    func row(_ position: Int) -> Int32? {
        guard let rows else { return position < PQntuples(result.pointer) ? Int32(position) : nil }
        return position < rows.count ? rows[position] : nil
    }
}

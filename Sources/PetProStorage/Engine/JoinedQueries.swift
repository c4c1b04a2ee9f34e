import CPostgres

/// Several queries as one statement of PostgreSQL, which costs the server much less than the queries one by one.
///
/// Each row of the result says whose it is, and has columns for all queries. Those of other queries are null.
struct JoinedQueries {
    let sql: String
    /// The columns of each query within the result.
    private let columns: [Range<Int32>]

    /// The names of types, by their ids in the catalogue, `pg_type.dat`.
    private static let typeNames: [Oid: String] = [
        16: "boolean", 17: "bytea", 20: "bigint", 21: "smallint", 23: "integer", 25: "text", 701: "double precision",
    ]

    /// Joins queries. `shapes` has the names and types of each query's columns. Returns nil for types that it does not know.
    init?(_ queries: [String], shapes: [[(name: String, type: Oid)]]) {
        var columns: [Range<Int32>] = []
        // The first column says whose row it is.
        var end: Int32 = 1
        for shape in shapes {
            columns.append(end..<(end + Int32(shape.count)))
            end += Int32(shape.count)
        }
        let all = shapes.joined()
        let types = all.compactMap { Self.typeNames[$0.type] }
        guard types.count == all.count else { return nil }
        let names = all.map { PostgresTarget.quoted($0.name) }
        let places = columns
        var values = 0
        let parts = queries.enumerated().map { index, query in
            let (text, count) = PostgresConnection.numbered(query, from: values)
            values += count
            let own = places[index]
            let outer = types.indices.map { column in
                let value = own.contains(Int32(column) + 1) ? "q.c\(column)" : "NULL::\(types[column])"
                return "\(value) AS \(names[column])"
            }
            let inner = own.map { "c\($0 - 1)" }
            return
                "SELECT \((["\(index)"] + outer).joined(separator: ", ")) FROM (\(text)) AS q(\(inner.joined(separator: ", ")))"
        }
        sql = parts.joined(separator: " UNION ALL ")
        self.columns = columns
    }

    /// Divides a result among the queries.
    func answers(_ result: PostgresResult) -> [PostgresAnswer] {
        var rows = [[Int32]](repeating: [], count: columns.count)
        let whose = PostgresCursor(PostgresAnswer(result))
        var row: Int32 = 0
        while whose.step() {
            rows[Int(whose.integer(0))].append(row)
            row += 1
        }
        return zip(rows, columns).map { PostgresAnswer(result, rows: $0, columns: $1) }
    }
}

/// A statement that goes with the next one, so that it costs no round trip of its own.
enum WaitingStatement: Equatable {
    /// It begins or divides the transaction, or prepares it, and does nothing by itself.
    case mark(String)
    case prepared(name: String, sql: String, values: [String?])

    var sql: String {
        switch self {
        case .mark(let sql), .prepared(_, let sql, _): sql
        }
    }

    /// The table into which the statement inserts.
    var insertedTable: Substring? {
        guard case .prepared(_, let sql, _) = self, sql.hasPrefix("INSERT INTO ") else { return nil }
        return sql.dropFirst(12).prefix { $0 != " " && $0 != "\n" }
    }
}

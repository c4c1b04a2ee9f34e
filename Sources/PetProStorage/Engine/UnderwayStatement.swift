/// A statement that was sent to PostgreSQL.
final class UnderwayStatement {
    /// Nil for the mark behind statements, which the server answers when it has answered them.
    let sql: String?
    /// Nil until the result has been read. Nil for good if the statement failed, or did not run because an earlier one had failed.
    var result: PostgresResult?

    init(_ sql: String?) { self.sql = sql }
}

/// An error of SQLite or PostgreSQL.
package struct EngineError: Error, CustomStringConvertible {
    /// What a caller may do about an error.
    package enum Kind: Sendable {
        /// A unique, check or foreign key constraint refused a write.
        case constraint
        /// Another transaction keeps what is needed, or the engine has no room for more. Nothing was done.
        case busy
        /// The transaction cannot be brought into an order with others. Nothing was done.
        case conflict
        /// The connection was lost, or cannot be made. Nothing was done.
        case unavailable
        /// The connection was lost during a commit, which may have happened or not.
        case unknownOutcome
        /// The disk is full. Nothing was done.
        case full
        case other
    }

    package let kind: Kind
    /// The message of the engine.
    package let message: String
    /// The statement. Nil when the error is not about one.
    package let sql: String?
    /// Whether an earlier statement failed that was sent with this one. It may belong to another job.
    var isOfEarlier = false
    /// Whether the server answered with this error. False if the connection failed.
    var isAnswered = false

    package init(_ kind: Kind, _ message: String, sql: String? = nil) {
        self.kind = kind
        self.message = message
        self.sql = sql
    }

    package var description: String { sql.map { "\(message): \($0)" } ?? message }
}

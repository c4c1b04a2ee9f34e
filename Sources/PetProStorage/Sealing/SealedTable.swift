/// Declares which columns of a table hold personal data, and whose.
public struct SealedTable: Sendable {
    /// A blind index: a column with an HMAC of another column's text, by which rows are found.
    public struct Index: Sendable {
        let column: String
        let of: String
        let form: @Sendable (String) -> String

        /// Makes an index in `column` over `form` of the texts in the sealed column `of`.
        public init(_ column: String, of: String, form: @escaping @Sendable (String) -> String) {
            self.column = column
            self.of = of
            self.form = form
        }
    }

    /// The name of the table.
    public let name: String
    /// The columns of the key, which name a row.
    let key: [String]
    /// An SQL expression for the account to which a row belongs.
    let subject: String
    /// The columns with personal data.
    public let columns: [String]
    let index: Index?

    /// Declares a table. `key` has the columns of its key, and `subject` is an SQL expression for a row's account.
    public init(
        _ name: String, key: [String] = ["id"], subject: String, columns: [String], index: Index? = nil
    ) {
        self.name = name
        self.key = key
        self.subject = subject
        self.columns = columns
        self.index = index
    }
}

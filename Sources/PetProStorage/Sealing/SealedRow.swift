/// A row of a ``SealedTable``, and the person to whom it belongs.
public struct SealedRow: Sendable {
    let table: SealedTable
    let row: String
    let subject: Int

    /// Names a row by its key: the columns of the table's key, joined by `/`.
    public init(_ table: SealedTable, row: some CustomStringConvertible, subject: Int) {
        self.table = table
        self.row = row.description
        self.subject = subject
    }
}

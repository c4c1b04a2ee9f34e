/// The place of a sealed value. It is the associated data of the encryption, so that a sealed value cannot be moved to
/// another place.
struct FieldPath {
    let text: String

    /// `service|table|column|row|subject|version`. Only the row may have other characters than letters, digits, `_` and `-`,
    /// and it has no `|`.
    init(service: String, table: String, column: String, row: String, subject: Int) {
        text = "\(service)|\(table)|\(column)|\(row)|\(subject)|\(SealingKey.version)"
    }
}

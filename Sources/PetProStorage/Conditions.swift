/// Builds the `WHERE` clause of a query with optional conditions, joined by `AND`.
///
/// The text has only the conditions with a value, so that each variant of the query can use an index.
public struct Conditions {
    private var texts: [String] = []
    private var values: [any SQLConvertible] = []

    /// Makes an empty list of conditions, which matches every row.
    public init() {}

    /// Adds a condition with one `?`, such as `id > ?`, unless its value is nil.
    public mutating func add(_ text: String, _ value: (any SQLConvertible)?) {
        guard let value else { return }
        texts.append(text)
        values.append(value)
    }

    /// `WHERE` with the conditions, or an empty text without conditions.
    public var sql: String { texts.isEmpty ? "" : "WHERE " + texts.joined(separator: " AND ") }

    /// Returns the values of the conditions in their order, followed by `others`.
    public func values(and others: any SQLConvertible...) -> [any SQLConvertible] { values + others }
}

/// The conditions of a query that is asked in several ways: only those that apply are in its text, so that each way finds
/// its rows by an index. All must hold.
public struct Conditions {
    private var texts: [String] = []
    private var values: [any SQLConvertible] = []

    /// None yet: every row.
    public init() {}

    /// Adds a condition with one `?`, such as `id > ?`, unless its value is nil.
    public mutating func add(_ text: String, _ value: (any SQLConvertible)?) {
        guard let value else { return }
        texts.append(text)
        values.append(value)
    }

    /// `WHERE` with the conditions, or nothing.
    public var sql: String { texts.isEmpty ? "" : "WHERE " + texts.joined(separator: " AND ") }

    /// The values of the conditions, in their order, and those that come after them in the statement.
    public func values(and others: any SQLConvertible...) -> [any SQLConvertible] { values + others }
}

/// A row does not have what the code expects: the schema and the code differ.
public struct SchemaMismatch: Error, CustomStringConvertible {
    /// Names the column.
    public let description: String

    /// Says what is missing.
    public init(description: String) { self.description = description }
}

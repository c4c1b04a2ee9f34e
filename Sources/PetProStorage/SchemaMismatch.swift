/// A row does not have the value that the code expects: the schema and the code differ.
public struct SchemaMismatch: Error, CustomStringConvertible {
    /// The message, which names the column or the value.
    public let description: String

    /// Makes the error with a message.
    public init(description: String) { self.description = description }
}

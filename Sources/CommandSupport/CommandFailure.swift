/// A failure that ``Program`` prints before it ends with exit code 1.
public struct CommandFailure: Error, CustomStringConvertible {
    /// What failed, and what to do next.
    public let message: String

    /// Creates a failure with this message.
    public init(_ message: String) { self.message = message }

    /// The message.
    public var description: String { message }
}

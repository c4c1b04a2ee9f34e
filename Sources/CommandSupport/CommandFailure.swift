/// A failure with its next step, as it is shown.
public struct CommandFailure: Error, CustomStringConvertible {
    /// What went wrong, and what to do.
    public let message: String

    /// Says both.
    public init(_ message: String) { self.message = message }

    /// The message.
    public var description: String { message }
}

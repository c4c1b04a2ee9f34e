/// The reason why bytes are not a valid value of their format.
public struct MalformedValue: Error, Hashable, CustomStringConvertible {
    /// The problem, in words, without any of the bytes.
    package let reason: String
    /// The position of the problem, in bytes from the start.
    package let offset: Int

    /// Creates the error.
    package init(reason: String, offset: Int) {
        self.reason = reason
        self.offset = offset
    }

    /// The problem and its position.
    public var description: String { "\(reason) at byte \(offset)" }
}

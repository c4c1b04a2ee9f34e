/// Why bytes are not a value of their format.
public struct MalformedValue: Error, Hashable, CustomStringConvertible {
    /// What was wrong, without any of the bytes themselves.
    package let reason: String
    /// Where, in bytes from the start.
    package let offset: Int

    /// Names a fault, for serializers of one's own.
    package init(reason: String, offset: Int) {
        self.reason = reason
        self.offset = offset
    }

    /// Says what was wrong and where.
    public var description: String { "\(reason) at byte \(offset)" }
}

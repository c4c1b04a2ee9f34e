/// The type of a value.
public enum _ValueKind: Sendable, Hashable {
    /// `null`.
    case null
    /// `true`, `false`.
    case bool
    /// A number of any size.
    case number
    /// A string.
    case string
    /// An array.
    case array
    /// An object.
    case object
    /// A binary or extension value, which only MessagePack has. Readers can skip it, but no message can hold it.
    case other
}

/// The kinds of values.
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
    /// What only MessagePack has: binary and extension values. No message holds them; they can be passed over.
    case other
}

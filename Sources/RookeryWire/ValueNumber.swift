/// A number as read from the input. Integers stay exact.
public enum _ValueNumber: Sendable, Hashable {
    /// An integer that fits Int64.
    case int(Int64)
    /// An integer above `Int64.max` that fits UInt64.
    case uint(UInt64)
    /// A number with a fraction or exponent, an integer beyond 64 bits, or `-0`. Infinite if beyond Double, as in
    /// JavaScript.
    case double(Double)
}

/// A number as it was read: integers stay exact.
public enum _ValueNumber: Sendable, Hashable {
    /// Fits Int64.
    case int(Int64)
    /// Above Int64, fits UInt64.
    case uint(UInt64)
    /// Has a fraction or an exponent, or is beyond 64 bits; infinite when it is beyond Double, as in JavaScript.
    case double(Double)
}

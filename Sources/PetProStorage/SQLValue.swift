public import Rookery

/// A value in a database, of the types that SQLite and PostgreSQL have in common.
public enum SQLValue: Sendable, Hashable {
    case null
    case integer(Int64)
    case real(Double)
    case text(String)
    case blob([UInt8])
}

extension SQLValue: SQLConvertible {
    /// The value itself.
    public var sqlValue: SQLValue { self }
}
extension Int: SQLConvertible {
    /// An integer.
    public var sqlValue: SQLValue { .integer(Int64(self)) }
}
extension String: SQLConvertible {
    /// A text.
    public var sqlValue: SQLValue { .text(self) }
}
extension Bool: SQLConvertible {
    /// 1 or 0.
    public var sqlValue: SQLValue { .integer(self ? 1 : 0) }
}
extension Instant: SQLConvertible {
    /// Milliseconds since 1970.
    public var sqlValue: SQLValue { .integer(milliseconds) }
}
extension LocalDate: SQLConvertible {
    /// `yyyy-MM-dd`
    public var sqlValue: SQLValue { .text(description) }
}
extension Optional: SQLConvertible where Wrapped: SQLConvertible {
    /// Null, or the value.
    public var sqlValue: SQLValue { self?.sqlValue ?? .null }
}

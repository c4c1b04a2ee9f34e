public import Rookery

/// A value in a database, in the few kinds that SQLite and PostgreSQL have in common.
public enum SQLValue: Sendable, Hashable {
    case null
    case integer(Int64)
    case real(Double)
    case text(String)
    case blob([UInt8])
}

/// Something that can be an argument of a statement.
public protocol SQLConvertible: Sendable {
    /// The value to bind.
    var sqlValue: SQLValue { get }
}

extension SQLValue: SQLConvertible {
    /// Itself.
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
extension SQLConvertible where Self: RawRepresentable, RawValue: SQLConvertible {
    /// The raw value.
    public var sqlValue: SQLValue { rawValue.sqlValue }
}

/// A row does not have what the code expects: the schema and the code differ.
public struct SchemaMismatch: Error, CustomStringConvertible {
    /// Names the column.
    public let description: String

    /// Says what is missing.
    public init(description: String) { self.description = description }
}

/// One row of a result.
public struct Row: Sendable {
    private let columns: [String: SQLValue]

    init(columns: [String: SQLValue]) { self.columns = columns }

    private func value(_ column: String) throws -> SQLValue {
        guard let value = columns[column] else { throw SchemaMismatch(description: "no column \(column)") }
        return value
    }

    private func mismatch(_ column: String, _ kind: String) -> SchemaMismatch {
        SchemaMismatch(description: "column \(column) is not \(kind)")
    }

    /// An integer; throws when the column is missing or is none.
    public func int(_ column: String) throws -> Int {
        guard case .integer(let value) = try value(column) else { throw mismatch(column, "an integer") }
        return Int(value)
    }

    /// An integer, or nil for null.
    public func optionalInt(_ column: String) throws -> Int? {
        try value(column) == .null ? nil : int(column)
    }

    /// A text.
    public func text(_ column: String) throws -> String {
        guard case .text(let value) = try value(column) else { throw mismatch(column, "a text") }
        return value
    }

    /// A text, or nil for null.
    public func optionalText(_ column: String) throws -> String? {
        try value(column) == .null ? nil : text(column)
    }

    /// Bytes.
    public func blob(_ column: String) throws -> [UInt8] {
        guard case .blob(let value) = try value(column) else { throw mismatch(column, "a blob") }
        return value
    }

    /// 0 for false, anything else for true.
    public func bool(_ column: String) throws -> Bool { try int(column) != 0 }

    /// Milliseconds since 1970.
    public func instant(_ column: String) throws -> Instant { Instant(milliseconds: Int64(try int(column))) }

    /// A case of an enum.
    public func value<Value: RawRepresentable<String>>(_ column: String, as: Value.Type = Value.self) throws -> Value {
        guard let value = Value(rawValue: try text(column)) else { throw mismatch(column, "a \(Value.self)") }
        return value
    }

    /// A message that was stored as JSON.
    public func json<Value: MessageValue>(_ column: String, as: Value.Type = Value.self) throws -> Value {
        try Value.decode(json: try text(column))
    }
}

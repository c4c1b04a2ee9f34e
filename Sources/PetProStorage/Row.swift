import GRDBSQLite
public import Rookery

/// One row of a result. Each method reads the next column, from left to right.
///
/// A row is valid only inside the closure that receives it. A method throws ``SchemaMismatch`` when the column has no
/// such value.
public struct Row: ~Copyable {
    private let statement: OpaquePointer
    private var column: Int32 = 0

    init(_ statement: OpaquePointer) { self.statement = statement }

    private mutating func next() -> (column: Int32, type: Int32) {
        defer { column += 1 }
        return (column, sqlite3_column_type(statement, column))
    }

    private func mismatch(_ column: Int32, _ kind: String) -> SchemaMismatch {
        guard let name = sqlite3_column_name(statement, column) else {
            return SchemaMismatch(description: "there is no column \(column)")
        }
        return SchemaMismatch(description: "column \(String(cString: name)) is not \(kind)")
    }

    private mutating func int64() throws -> Int64? {
        let (column, type) = next()
        switch type {
        case SQLITE_INTEGER: return sqlite3_column_int64(statement, column)
        case SQLITE_NULL where column < sqlite3_column_count(statement): return nil
        default: throw mismatch(column, "an integer")
        }
    }

    private mutating func bytes(_ type: Int32, _ kind: String) throws -> UnsafeRawBufferPointer? {
        let (column, found) = next()
        switch found {
        case type:
            guard let start = sqlite3_column_blob(statement, column) else {
                return UnsafeRawBufferPointer(start: nil, count: 0)
            }
            return UnsafeRawBufferPointer(start: start, count: Int(sqlite3_column_bytes(statement, column)))
        case SQLITE_NULL where column < sqlite3_column_count(statement): return nil
        default: throw mismatch(column, kind)
        }
    }

    private func required<Value>(_ value: Value?, _ kind: String) throws -> Value {
        guard let value else { throw mismatch(column - 1, kind) }
        return value
    }

    /// Reads an integer.
    public mutating func int() throws -> Int { Int(try required(try int64(), "an integer")) }

    /// Reads an integer, or nil for null.
    public mutating func optionalInt() throws -> Int? { try int64().map { Int($0) } }

    /// Reads a text.
    public mutating func text() throws -> String { try required(try optionalText(), "a text") }

    /// Reads a text, or nil for null.
    public mutating func optionalText() throws -> String? {
        try bytes(SQLITE_TEXT, "a text").map { String(decoding: $0, as: UTF8.self) }
    }

    /// Reads bytes.
    public mutating func blob() throws -> [UInt8] { try required(try optionalBlob(), "a blob") }

    /// Reads bytes, or nil for null.
    mutating func optionalBlob() throws -> [UInt8]? { try bytes(SQLITE_BLOB, "a blob").map { Array($0) } }

    /// Reads a text of a ``SealedTable``, which ``Transaction/open(_:_:in:)`` opens.
    public mutating func stored() throws -> StoredText {
        switch any() {
        case .null: .null
        case .text(let text): .plain(text)
        case .blob(let bytes): .sealed(bytes)
        case .integer, .real: throw mismatch(column - 1, "a text or a sealed text")
        }
    }

    /// Reads an integer as a Boolean: 0 is false, any other is true.
    public mutating func bool() throws -> Bool { try int() != 0 }

    /// Reads an instant, stored as milliseconds since 1970.
    public mutating func instant() throws -> Instant {
        Instant(milliseconds: try required(try int64(), "an integer"))
    }

    /// Reads an instant, stored as milliseconds since 1970, or nil for null.
    public mutating func optionalInstant() throws -> Instant? { try int64().map { Instant(milliseconds: $0) } }

    /// Reads a text as a case of an enum.
    public mutating func value<Value: RawRepresentable<String>>(as: Value.Type = Value.self) throws -> Value {
        try required(Value(rawValue: try text()), "a \(Value.self)")
    }

    /// Reads a message that is stored as JSON.
    public mutating func json<Value: MessageValue>(as: Value.Type = Value.self) throws -> Value {
        try required(try optionalJSON(), "a \(Value.self)")
    }

    /// Reads a message that is stored as JSON, or nil for null.
    public mutating func optionalJSON<Value: MessageValue>(as: Value.Type = Value.self) throws -> Value? {
        guard let bytes = try bytes(SQLITE_TEXT, "a text") else { return nil }
        return try Value._decode(bytes, format: .json, rules: .types)
    }

    /// Reads a value of any type.
    mutating func any() -> SQLValue {
        let (column, type) = next()
        switch type {
        case SQLITE_INTEGER: return .integer(sqlite3_column_int64(statement, column))
        case SQLITE_FLOAT: return .real(sqlite3_column_double(statement, column))
        case SQLITE_TEXT, SQLITE_BLOB:
            let start = sqlite3_column_blob(statement, column)
            let bytes = UnsafeRawBufferPointer(start: start, count: Int(sqlite3_column_bytes(statement, column)))
            return type == SQLITE_BLOB ? .blob(Array(bytes)) : .text(String(decoding: bytes, as: UTF8.self))
        default: return .null
        }
    }
}

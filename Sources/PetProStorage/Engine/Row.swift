import GRDBSQLite
public import Rookery

/// One row of a result. Each method reads the next column, from left to right.
///
/// A row is valid only inside the closure that receives it. A method throws ``SchemaMismatch`` when the column has no
/// such value.
public struct Row: ~Copyable {
    enum Source {
        case sqlite(OpaquePointer)
        case postgres(PostgresCursor)
    }

    /// What a column may hold.
    private enum Kind { case integer, real, text, blob, null, missing }

    private let source: Source
    private var column: Int32 = 0

    init(_ source: Source) { self.source = source }

    private mutating func next() -> (column: Int32, kind: Kind) {
        defer { column += 1 }
        switch source {
        case .sqlite(let statement):
            if column >= sqlite3_column_count(statement) { return (column, .missing) }
            switch sqlite3_column_type(statement, column) {
            case SQLITE_INTEGER: return (column, .integer)
            case SQLITE_FLOAT: return (column, .real)
            case SQLITE_TEXT: return (column, .text)
            case SQLITE_BLOB: return (column, .blob)
            default: return (column, .null)
            }
        case .postgres(let cursor):
            switch cursor.type(column) {
            case .integer: return (column, .integer)
            case .real: return (column, .real)
            case .text: return (column, .text)
            case .blob: return (column, .blob)
            case .null: return (column, .null)
            case .missing: return (column, .missing)
            }
        }
    }

    private func mismatch(_ column: Int32, _ kind: String) -> SchemaMismatch {
        let name =
            switch source {
            case .sqlite(let statement): sqlite3_column_name(statement, column).map { String(cString: $0) }
            case .postgres(let cursor): cursor.name(column)
            }
        guard let name else { return SchemaMismatch(description: "there is no column \(column)") }
        return SchemaMismatch(description: "column \(name) is not \(kind)")
    }

    private func integer(at column: Int32) -> Int64 {
        switch source {
        case .sqlite(let statement): sqlite3_column_int64(statement, column)
        case .postgres(let cursor): cursor.integer(column)
        }
    }

    private func content(at column: Int32) -> UnsafeRawBufferPointer {
        switch source {
        case .sqlite(let statement):
            guard let start = sqlite3_column_blob(statement, column) else {
                return UnsafeRawBufferPointer(start: nil, count: 0)
            }
            return UnsafeRawBufferPointer(start: start, count: Int(sqlite3_column_bytes(statement, column)))
        case .postgres(let cursor): return cursor.content(column)
        }
    }

    private mutating func int64() throws -> Int64? {
        let (column, kind) = next()
        switch kind {
        case .integer: return integer(at: column)
        case .null: return nil
        default: throw mismatch(column, "an integer")
        }
    }

    private mutating func bytes(_ wanted: Kind, _ name: String) throws -> UnsafeRawBufferPointer? {
        let (column, kind) = next()
        if kind == .null { return nil }
        guard kind == wanted else { throw mismatch(column, name) }
        return content(at: column)
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
        try bytes(.text, "a text").map { String(decoding: $0, as: UTF8.self) }
    }

    /// Reads bytes.
    public mutating func blob() throws -> [UInt8] { try required(try optionalBlob(), "a blob") }

    /// Reads bytes, or nil for null.
    mutating func optionalBlob() throws -> [UInt8]? { try bytes(.blob, "a blob").map { Array($0) } }

    /// Reads a text of a ``SealedTable``, which ``Transaction/open(_:_:in:)`` opens.
    public mutating func stored() throws -> StoredText {
        switch any() {
        case .null: .null
        case .text(let text): .plain(text)
        // Where a column has one type, what is not sealed begins with 0.
        case .blob(let bytes):
            bytes.first == 0 ? .plain(String(decoding: bytes.dropFirst(), as: UTF8.self)) : .sealed(bytes)
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
        guard let bytes = try bytes(.text, "a text") else { return nil }
        return try Value._decode(bytes, format: .json, rules: .types)
    }

    /// Reads a value of any type.
    mutating func any() -> SQLValue {
        let (column, kind) = next()
        switch kind {
        case .integer: return .integer(integer(at: column))
        case .real:
            switch source {
            case .sqlite(let statement): return .real(sqlite3_column_double(statement, column))
            case .postgres(let cursor): return .real(cursor.real(column))
            }
        case .text: return .text(String(decoding: content(at: column), as: UTF8.self))
        case .blob: return .blob(Array(content(at: column)))
        case .null, .missing: return .null
        }
    }
}

import GRDB
import GRDBSQLite

/// A prepared statement of SQLite while it runs.
struct SQLiteStatement {
    private let statement: OpaquePointer
    private let handle: OpaquePointer?
    private let sql: String

    init(_ statement: OpaquePointer, _ handle: OpaquePointer?, _ sql: String) {
        self.statement = statement
        self.handle = handle
        self.sql = sql
    }

    /// `SQLITE_TRANSIENT`: SQLite copies the bound bytes.
    private static let transient = unsafeBitCast(-1, to: sqlite3_destructor_type.self)

    func bind(_ values: [any SQLConvertible]) throws {
        guard values.count == Int(sqlite3_bind_parameter_count(statement)) else {
            throw EngineError(.other, "\(values.count) values were given", sql: sql)
        }
        var at: Int32 = 0
        for value in values {
            at += 1
            switch value.sqlValue {
            case .null: try check(sqlite3_bind_null(statement, at))
            case .integer(let value): try check(sqlite3_bind_int64(statement, at, value))
            case .real(let value): try check(sqlite3_bind_double(statement, at, value))
            case .text(var value):
                try check(
                    value.withUTF8 { bytes in
                        // An empty text may have no address, and SQLite would bind null for that.
                        bytes.isEmpty
                            ? sqlite3_bind_text(statement, at, "", 0, Self.transient)
                            : bytes.withMemoryRebound(to: CChar.self) {
                                sqlite3_bind_text(statement, at, $0.baseAddress, Int32($0.count), Self.transient)
                            }
                    })
            case .blob(let value):
                try check(
                    value.withUnsafeBytes { bytes in
                        bytes.isEmpty
                            ? sqlite3_bind_zeroblob(statement, at, 0)
                            : sqlite3_bind_blob(
                                statement, at, bytes.baseAddress, Int32(bytes.count), Self.transient)
                    })
            }
        }
    }

    private func check(_ code: Int32) throws {
        if code != SQLITE_OK { throw failure(code) }
    }

    private func failure(_ code: Int32) -> EngineError {
        EngineError(
            EngineError.kind(ResultCode(rawValue: code)),
            sqlite3_errmsg(handle).map { String(cString: $0) } ?? "error \(code)", sql: sql)
    }

    /// Steps to the next row. Returns false at the end.
    func step() throws -> Bool {
        switch sqlite3_step(statement) {
        case SQLITE_ROW: true
        case SQLITE_DONE: false
        case let code: throw failure(code)
        }
    }

    /// The statement, for ``Row``.
    var pointer: OpaquePointer { statement }

    /// The names of the columns.
    var columns: [String] {
        (0..<sqlite3_column_count(statement)).map { column in
            sqlite3_column_name(statement, column).map { String(cString: $0) } ?? ""
        }
    }

    func reset() {
        sqlite3_reset(statement)
        sqlite3_clear_bindings(statement)
    }
}

import Foundation
import GRDBSQLite
import PetProTesting

/// A bare SQLite loop that commits the rows of a booking, one booking per transaction, on one connection.
///
/// It measures the limit of the engine. It uses the database of a platform, so that tables and indexes are the same.
struct SQLiteLoop {
    /// Runs the loop for `seconds` on `booking.sqlite` in `folder`, and returns the bookings per second.
    static func rate(_ folder: String, seconds: Double) throws -> Double {
        let loop = try SQLiteLoop(folder + "/booking.sqlite")
        defer { sqlite3_close_v2(loop.database) }
        try loop.execute("PRAGMA synchronous = FULL")
        let tables = try ["bookings", "idempotency", "events"].map { try loop.table($0) }
        defer { for table in tables { sqlite3_finalize(table.insert) } }
        let clock = ContinuousClock()
        let began = clock.now
        let end = began + .seconds(seconds)
        var count = 0
        repeat {
            try loop.execute("BEGIN IMMEDIATE")
            for table in tables { try loop.insert(table, count) }
            try loop.execute("COMMIT")
            count += 1
        } while clock.now < end
        return Double(count) / (began.duration(to: clock.now) / .seconds(1))
    }

    private let database: OpaquePointer

    private init(_ path: String) throws {
        var opened: OpaquePointer?
        guard sqlite3_open_v2(path, &opened, SQLITE_OPEN_READWRITE, nil) == SQLITE_OK, let opened else {
            throw HTTP.Unexpected("\(path) cannot be opened")
        }
        database = opened
    }

    /// A table's newest row, and the statement that inserts a copy of it.
    private struct Table {
        enum Value {
            case null, id
            case integer(Int64)
            case text(String)
            case blob([UInt8])
            /// A text that must be unique in its column.
            case unique(String)
        }
        let insert: OpaquePointer
        let row: [Value]
    }

    private func failure() -> HTTP.Unexpected {
        HTTP.Unexpected("SQLite: \(sqlite3_errmsg(database).map { String(cString: $0) } ?? "?")")
    }

    private func execute(_ sql: String) throws {
        guard sqlite3_exec(database, sql, nil, nil, nil) == SQLITE_OK else { throw failure() }
    }

    private func prepare(_ sql: String) throws -> OpaquePointer {
        var statement: OpaquePointer?
        guard sqlite3_prepare_v2(database, sql, -1, &statement, nil) == SQLITE_OK, let statement else {
            throw failure()
        }
        return statement
    }

    private func table(_ name: String) throws -> Table {
        let newest = try prepare("SELECT * FROM \(name) ORDER BY rowid DESC LIMIT 1")
        defer { sqlite3_finalize(newest) }
        guard sqlite3_step(newest) == SQLITE_ROW else { throw HTTP.Unexpected("no row in \(name)") }
        let columns = 0..<sqlite3_column_count(newest)
        let row: [Table.Value] = columns.map { column in
            let title = sqlite3_column_name(newest, column).map { String(cString: $0) } ?? ""
            if title == "id" || title == "position" { return .id }
            switch sqlite3_column_type(newest, column) {
            case SQLITE_INTEGER: return .integer(sqlite3_column_int64(newest, column))
            case SQLITE_TEXT:
                let text = sqlite3_column_text(newest, column).map { String(cString: $0) } ?? ""
                return ["reference", "key", "event_id", "aggregate"].contains(title) ? .unique(text) : .text(text)
            case SQLITE_BLOB:
                let bytes = UnsafeRawBufferPointer(
                    start: sqlite3_column_blob(newest, column), count: Int(sqlite3_column_bytes(newest, column)))
                return .blob(Array(bytes))
            default: return .null
            }
        }
        let marks = row.map { _ in "?" }.joined(separator: ", ")
        return Table(insert: try prepare("INSERT INTO \(name) VALUES (\(marks))"), row: row)
    }

    private func insert(_ table: Table, _ number: Int) throws {
        let transient = unsafeBitCast(-1, to: sqlite3_destructor_type.self)
        sqlite3_reset(table.insert)
        for (at, value) in table.row.enumerated() {
            let position = Int32(at + 1)
            switch value {
            case .null, .id: sqlite3_bind_null(table.insert, position)
            case .integer(let value): sqlite3_bind_int64(table.insert, position, value)
            case .text(let value): sqlite3_bind_text(table.insert, position, value, -1, transient)
            case .blob(let value): sqlite3_bind_blob(table.insert, position, value, Int32(value.count), transient)
            case .unique(let value): sqlite3_bind_text(table.insert, position, "\(value)-\(number)", -1, transient)
            }
        }
        guard sqlite3_step(table.insert) == SQLITE_DONE else { throw failure() }
    }
}

import Foundation
import PetProStorage
import PetProTesting
import Rookery
import RookeryTesting

/// PostgreSQL's own `pgbench`, which commits the rows of a booking, one booking per transaction, over eight connections.
///
/// It measures what the server can do with these rows. It uses the schema of a platform, so that tables and indexes are the same.
struct PgBench {
    /// Columns that the server fills, and columns whose values must differ from row to row.
    private static let (generated, unique) = (
        ["id", "position", "rowid"], ["reference", "key", "event_id", "aggregate"]
    )

    /// Runs `pgbench -c 8 -j 2` for `seconds` on the schema `booking`, and returns the bookings per second.
    ///
    /// Throws ``PetProTesting/HTTP/Unexpected`` if there is no such program, or it fails.
    static func rate(_ url: String, seconds: Double) async throws -> Double {
        let database = try Database(inspecting: PostgresTarget(url: url, schema: "booking"))
        defer { try? database.close() }
        let inserts = try await database.read { transaction in
            try ["bookings", "idempotency", "events"].map { try insert(into: $0, transaction) }
        }
        let script = FileManager.default.temporaryDirectory.appending(path: "pgbench-\(UUID()).sql")
        defer { try? FileManager.default.removeItem(at: script) }
        let lines = ["\\set n random(1, 9000000000000000)", "BEGIN;"] + inserts + ["COMMIT;"]
        try lines.joined(separator: "\n").write(to: script, atomically: true, encoding: .utf8)
        let program = try await RunningProgram(
            try Self.url(of: "pgbench"),
            [
                "-n", "-M", "prepared", "-c", "8", "-j", "2", "-T", "\(Int(seconds.rounded(.up)))", "-f", script.path,
                url,
            ],
            environment: ["PGOPTIONS": "-c search_path=booking,booking_keys"])
        let code = await program.exitCode()
        let rate = program.printed.split(separator: "\n").first { $0.hasPrefix("tps = ") }
            .flatMap { Double($0.dropFirst(6).prefix { $0.isNumber || $0 == "." }) }
        guard code == 0, let rate else { throw HTTP.Unexpected("pgbench ended with \(code): \(program.printed)") }
        return rate
    }

    /// Drops the schemas of Booking, so that a platform with other encryption keys can make its own.
    static func drop(_ url: String) async throws {
        let psql = try await RunningProgram(
            try self.url(of: "psql"),
            ["-q", "-v", "ON_ERROR_STOP=1", "-c", "DROP SCHEMA IF EXISTS booking, booking_keys CASCADE", url],
            environment: ["PGOPTIONS": "-c client_min_messages=warning"])
        let code = await psql.exitCode()
        if code != 0 { throw HTTP.Unexpected("psql ended with \(code)") }
    }

    /// Debian keeps the server's programs in a folder for each version.
    private static func url(of program: String) throws -> URL {
        let versions = (try? FileManager.default.contentsOfDirectory(atPath: "/usr/lib/postgresql")) ?? []
        let folders =
            versions.sorted { $0.compare($1, options: .numeric) == .orderedDescending }
            .map { "/usr/lib/postgresql/\($0)/bin" } + ["/usr/bin", "/usr/local/bin", "/opt/homebrew/bin"]
        for folder in folders where FileManager.default.isExecutableFile(atPath: "\(folder)/\(program)") {
            return URL(filePath: "\(folder)/\(program)")
        }
        throw HTTP.Unexpected("there is no \(program): install the package postgresql")
    }

    /// A statement that inserts a copy of a table's newest row.
    private static func insert(into table: String, _ transaction: Transaction) throws -> String {
        let newest = table == "idempotency" ? "created_at" : table == "events" ? "position" : "id"
        guard let row = try transaction.table("SELECT * FROM \(table) ORDER BY \(newest) DESC LIMIT 1").first else {
            throw HTTP.Unexpected("no row in \(table)")
        }
        let columns = row.keys.filter { !generated.contains($0) }.sorted()
        let values = columns.map { column in
            switch row[column] {
            case .integer(let value)?: "\(value)"
            case .real(let value)?: "\(value)"
            case .text(let value)? where unique.contains(column): "\(quoted(value)) || (:n)::text"
            case .text(let value)?: quoted(value)
            case .blob(let bytes)?: "'\\x\(bytes.map { String(format: "%02x", $0) }.joined())'"
            case .null?, nil: "NULL"
            }
        }
        return "INSERT INTO \(table) (\(columns.joined(separator: ", "))) VALUES (\(values.joined(separator: ", ")));"
    }

    private static func quoted(_ text: String) -> String { "'\(text.replacing("'", with: "''"))'" }
}

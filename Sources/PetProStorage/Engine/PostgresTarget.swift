import CPostgres
import Crypto
import Foundation

/// A schema of a PostgreSQL database.
package struct PostgresTarget: Sendable {
    /// The connection string: a URL or keywords, as libpq takes them.
    let url: String
    /// The schema with the tables. Its data keys are in the schema of this name with `_keys`.
    package let schema: String

    /// Names a schema. `url` is a connection string of libpq.
    package init(url: String, schema: String) {
        self.url = url
        self.schema = schema
    }

    package var keysSchema: String { schema + "_keys" }

    /// A text with these characters cannot end a quoted name.
    static func quoted(_ name: String) -> String { "\"\(name.replacing("\"", with: "\"\""))\"" }

    /// The parameters of a connection. A later one overrides an earlier one.
    ///
    /// No statement runs for more than 10 s, and none waits for a lock for more than 2 s, well below the deadlines of calls. The
    /// server ends the transaction of a process that stalls for a second, so that its locks go.
    var parameters: [(String, String)] {
        let options = [
            "search_path=\(Self.quoted(schema).escapedOption),\(Self.quoted(keysSchema).escapedOption)",
            "statement_timeout=10000", "lock_timeout=2000", "idle_in_transaction_session_timeout=500",
            "tcp_keepalives_idle=5", "tcp_keepalives_interval=2", "tcp_keepalives_count=3",
            "client_min_messages=warning",
            // Each query has an index. A plan that is kept from when a table was empty would read all of it, until the server
            // has counted its rows.
            "enable_seqscan=off", "plan_cache_mode=force_generic_plan", "jit=off",
            // The rows of joined queries come in the order of the queries.
            "max_parallel_workers_per_gather=0",
        ]
        return [
            ("dbname", url), ("application_name", "petpro \(schema)"), ("connect_timeout", "2"),
            ("client_encoding", "UTF8"),
            // A server that is gone without a word is noticed after 12 s.
            ("keepalives_idle", "5"), ("keepalives_interval", "2"), ("keepalives_count", "3"),
            ("tcp_user_timeout", "12000"),
            ("options", options.map { "-c \($0)" }.joined(separator: " ")),
        ]
    }

    /// The number of the advisory lock of the service's writer.
    var writeLock: Int64 { lock("write") }
    /// The number of the advisory lock under which the schema is migrated.
    var migrationLock: Int64 { lock("migrate") }

    private func lock(_ use: String) -> Int64 {
        SHA256.hash(data: Array("petpro \(schema) \(use)".utf8)).prefix(8).reduce(0) { $0 << 8 | Int64($1) }
    }

    /// The connection string without its password, for messages.
    package var description: String {
        guard let parts = Self.parts(of: url) else { return "a connection string that cannot be read" }
        let place = ["host", "port", "dbname", "user"].compactMap { name in parts[name].map { "\(name)=\($0)" } }
        return place.isEmpty ? "the default server" : place.joined(separator: " ")
    }

    /// The parameters that a connection string gives, as libpq reads them. Nil when it cannot read them.
    package static func parts(of url: String) -> [String: String]? {
        guard let options = PQconninfoParse(url, nil) else { return nil }
        defer { PQconninfoFree(options) }
        var found: [String: String] = [:]
        var next = options
        while let keyword = next.pointee.keyword {
            if let value = next.pointee.val { found[String(cString: keyword)] = String(cString: value) }
            next += 1
        }
        return found
    }
}

extension String {
    /// The text as a part of libpq's `options`, in which spaces and backslashes are escaped.
    fileprivate var escapedOption: String {
        replacing("\\", with: "\\\\").replacing(" ", with: "\\ ")
    }
}

import Foundation
import GRDB
import PetProContracts
import PetProRuntime
public import Rookery
import Synchronization

/// The spans of the last hour, in a ring for each service, in a file.
///
/// Each service has a ring of its own, so that a busy one evicts only its own spans. Nothing waits for the disk: what a power cut
/// loses is lost. Bounded: ``ringBytes`` for each of at most ``services`` services, and ``age``.
public final class SpanStore: Sendable {
    /// How many bytes the records of one service may have: 16 MiB.
    public static let ringBytes = 16 << 20
    /// How many services have a ring. The spans of further ones are refused.
    public static let services = 32
    /// How long a span is kept: an hour.
    public static let age: Duration = .seconds(3600)
    /// How many spans of one trace are read: 50 000.
    public static let spansOfTrace = 50_000

    /// The file cannot be used.
    public struct CannotOpen: Error, CustomStringConvertible {
        let path: String
        let cause: String
        /// Names the file, and what to do.
        public var description: String {
            "cannot use the console's file \(path): \(cause)\nDelete it, or choose another folder with --data."
        }
    }

    /// A request, by its trace and its own span.
    public struct Request: Sendable, Hashable {
        /// The id of the trace.
        public let trace: String
        /// The id of the request's own span.
        public let span: String
    }

    private let queue: DatabaseQueue
    private let ringBytes: Int
    /// Services that always have a ring.
    private let own: Set<String>
    /// How many bytes each ring has.
    private let sizes: Mutex<[String: Int]>

    /// Opens the store in a file, which only the user of the process may read; in memory without a path. Throws
    /// ``PetProRuntime/PrivateFiles/NotPrivate``, or ``CannotOpen``. A file that is not a store of this version is replaced.
    ///
    /// Of the ``services`` places, those of `own` are never another service's.
    public init(_ path: String?, own: Set<String> = [], ringBytes: Int = SpanStore.ringBytes) throws {
        self.ringBytes = ringBytes
        self.own = own
        do {
            queue = try path.map { try Self.open($0) } ?? Self.prepared(DatabaseQueue())
        } catch let error as DatabaseError {
            throw CannotOpen(path: path ?? "memory", cause: "\(error)")
        }
        let sizes = try queue.read { database in
            try Row.fetchAll(database, sql: "SELECT service, SUM(bytes) FROM spans GROUP BY service").map {
                ($0[0] as String, $0[1] as Int)
            }
        }
        self.sizes = Mutex(Dictionary(uniqueKeysWithValues: sizes))
    }

    private static let version = 1

    /// Another process may be reading.
    private static var waiting: Configuration {
        var configuration = Configuration()
        configuration.busyMode = .timeout(1)
        return configuration
    }

    private static func open(_ path: String) throws -> DatabaseQueue {
        try PrivateFiles.prepare(file: path)
        do {
            return try prepared(DatabaseQueue(path: path, configuration: waiting))
        } catch let error as DatabaseError where error.resultCode != .SQLITE_BUSY {
            // It keeps nothing that anyone could miss for long.
            for suffix in ["", "-wal", "-shm"] { try? FileManager.default.removeItem(atPath: path + suffix) }
            try PrivateFiles.prepare(file: path)
            return try prepared(DatabaseQueue(path: path, configuration: waiting))
        }
    }

    private static func prepared(_ queue: DatabaseQueue) throws -> DatabaseQueue {
        try queue.writeWithoutTransaction { database in
            try database.execute(sql: "PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF; PRAGMA cache_size = -4096")
        }
        try queue.write { database in
            if try Int.fetchOne(database, sql: "PRAGMA user_version") != version {
                try database.execute(
                    sql: """
                        DROP TABLE IF EXISTS spans;
                        CREATE TABLE spans (
                            id INTEGER PRIMARY KEY,
                            service TEXT NOT NULL,
                            trace TEXT NOT NULL,
                            span TEXT NOT NULL,
                            received_at INTEGER NOT NULL,
                            bytes INTEGER NOT NULL,
                            is_request INTEGER NOT NULL,
                            record BLOB NOT NULL
                        );
                        CREATE UNIQUE INDEX spans_trace ON spans (trace, span, service);
                        CREATE INDEX spans_service ON spans (service, id);
                        CREATE INDEX spans_received ON spans (received_at);
                        CREATE INDEX spans_request ON spans (id) WHERE is_request = 1;
                        PRAGMA user_version = \(version);
                        """)
            }
        }
        return queue
    }

    /// Adds spans, and removes the oldest ones of a service whose ring is full. A span that it has already stays as it is. Returns how
    /// many were refused, because they are of one service too many. `isRequest` says which spans begin a request.
    public func add(
        _ spans: [OwnedSpan], at now: Instant, isRequest: @Sendable @escaping (OwnedSpan) -> Bool
    ) async throws -> Int {
        if spans.isEmpty { return 0 }
        return try await queue.write { [self] database in
            var (sizes, refused) = (self.sizes.withLock { $0 }, 0)
            let insert = try database.cachedStatement(
                sql: """
                    INSERT INTO spans (service, trace, span, received_at, bytes, is_request, record)
                    VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING
                    """)
            for span in spans {
                let others = sizes.keys.lazy.filter { !self.own.contains($0) }.count
                guard sizes[span.owner] != nil || own.contains(span.owner) || others < Self.services - own.count else {
                    refused += 1
                    continue
                }
                let record = Data(span.record.json.utf8)
                // A row and its places in the indexes take about as much again.
                let bytes = record.count + 150
                try insert.execute(arguments: [
                    span.owner, span.record.trace, span.record.id, now.milliseconds, bytes, isRequest(span), record,
                ])
                if database.changesCount > 0 { sizes[span.owner, default: 0] += bytes }
            }
            for (service, size) in sizes where size > ringBytes {
                sizes[service] = size - (try Self.trim(service, size - ringBytes, database))
            }
            self.sizes.withLock { $0 = sizes }
            return refused
        }
    }

    /// Deletes the oldest spans of a service, at least `excess` bytes. Returns how many bytes.
    private static func trim(_ service: String, _ excess: Int, _ database: Database) throws -> Int {
        var (freed, last) = (0, 0)
        let oldest = try Row.fetchCursor(
            database, sql: "SELECT id, bytes FROM spans WHERE service = ? ORDER BY id", arguments: [service])
        while freed < excess, let row = try oldest.next() {
            last = row[0]
            freed += row[1] as Int
        }
        try database.execute(
            sql: "DELETE FROM spans WHERE service = ? AND id <= ?", arguments: [service, last])
        return freed
    }

    /// Deletes what is older than ``age``.
    public func prune(at now: Instant) async throws {
        let oldest = now.milliseconds - Self.age.milliseconds
        try await queue.write { [self] database in
            try database.execute(sql: "DELETE FROM spans WHERE received_at < ?", arguments: [oldest])
            let sizes = try Row.fetchAll(database, sql: "SELECT service, SUM(bytes) FROM spans GROUP BY service").map {
                ($0[0] as String, $0[1] as Int)
            }
            self.sizes.withLock { $0 = Dictionary(uniqueKeysWithValues: sizes) }
        }
    }

    /// The spans of a trace, in the order of their arrival, at most ``spansOfTrace``.
    public func spans(of trace: String) async throws -> [OwnedSpan] {
        try await queue.read { database in
            try Row.fetchAll(
                database, sql: "SELECT service, record FROM spans WHERE trace = ? ORDER BY id LIMIT ?",
                arguments: [trace, Self.spansOfTrace]
            ).map { row in
                OwnedSpan(
                    owner: row[0],
                    record: try (row[1] as Data).withUnsafeBytes {
                        try SpanRecord._decode($0, format: .json, rules: .types)
                    })
            }
        }
    }

    /// The newest requests, the oldest of them first.
    public func newestRequests(_ limit: Int) async throws -> [Request] {
        try await queue.read { database in
            try Row.fetchAll(
                database, sql: "SELECT trace, span FROM spans WHERE is_request = 1 ORDER BY id DESC LIMIT ?",
                arguments: [limit]
            ).map { Request(trace: $0[0], span: $0[1]) }.reversed()
        }
    }

    /// How many bytes each ring has, by service.
    public var bytes: [String: Int] { sizes.withLock { $0 } }

    /// Closes the file.
    public func close() throws { try queue.close() }
}

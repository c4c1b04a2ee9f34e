import Foundation
public import PetProContracts
public import Rookery

/// Says how long the rows of a table are kept, or personal data in them.
public struct RetentionRule: Sendable {
    /// What is deleted or cleared, for the log.
    public let name: String
    private let table: String
    private let key: String
    private let condition: String
    private let age: Duration
    private let cleared: [String]

    /// Makes a rule: rows of `table` are deleted once `condition` holds. Its one `?` stands for the instant `age` ago. `key` has
    /// the columns of the table's key.
    ///
    /// With `clearing`, the rows stay, and those columns become null; then `condition` must no longer hold for them.
    public init(
        _ name: String, table: String, key: String, where condition: String, age: Duration,
        clearing columns: [String] = []
    ) {
        cleared = columns
        self.name = name
        self.table = table
        self.key = key
        self.condition = condition
        self.age = age
    }

    /// Deletes or clears what is too old, a batch at a time. Returns how many rows. Cancellation ends it early, without an error.
    /// Throws the error of the database.
    public func apply(to database: Database, at now: Instant) async throws -> Int {
        let (selection, limit) = (self.selection, now - age)
        let columns = key.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }
        var count = 0
        while !Task.isCancelled {
            // The search may take long, so it is no part of the write.
            let keys = try await database.read { transaction in
                try transaction.rows(selection, limit) { row in
                    var values: [SQLValue] = []
                    for _ in columns { values.append(row.any()) }
                    return values
                }
            }
            if keys.isEmpty { break }
            let change =
                cleared.isEmpty
                ? "DELETE FROM \(table)"
                : "UPDATE \(table) SET \(cleared.map { "\($0) = NULL" }.joined(separator: ", "))"
            // Each value beside its column, because PostgreSQL takes the type of a parameter from there.
            let row = "(" + columns.map { "\($0) = ?" }.joined(separator: " AND ") + ")"
            let rows = Array(repeating: row, count: keys.count).joined(separator: " OR ")
            let statement = "\(change) WHERE \(rows)"
            count += try await database.write { try $0.execute(statement, keys.flatMap { $0 }) }
        }
        return count
    }

    /// Rows that one transaction changes.
    private static let batch = 200

    /// The statement that finds rows to change.
    package var selection: String { "SELECT \(key) FROM \(table) WHERE \(condition) LIMIT \(Self.batch)" }

    private static func days(_ count: Int) -> Duration { .seconds(count * 24 * 3600) }

    // The `+` keeps SQLite from searching by the position, which nearly every row fulfils.

    /// The rules for the tables of every service: kept replies for a day, dead letters for 30 days, received versions for 60, and
    /// events for 7 days after they occurred, or longer until every subscriber has them. The newest event about each aggregate
    /// stays.
    public static func common(of publisher: ServiceName) -> [RetentionRule] {
        let subscribers = Set(EventType.allCases.filter { $0.publisher == publisher }.flatMap(\.subscribers))
        // Only those that there are now: the position of a former one never moves.
        let names = subscribers.map { "'\($0.rawValue)'" }.sorted().joined(separator: ", ")
        let isDelivered =
            subscribers.isEmpty
            ? ""
            : """
             AND +position <= (SELECT CASE WHEN COUNT(*) < \(subscribers.count) THEN 0 ELSE MIN(cursor) END FROM subscriptions \
            WHERE subscriber IN (\(names))) \
            AND NOT EXISTS (SELECT 1 FROM blocked_aggregates WHERE subscriber IN (\(names)) \
            AND blocked_aggregates.aggregate = events.aggregate)
            """
        return [
            RetentionRule(
                "kept replies", table: "idempotency", key: "scope, key", where: "created_at <= ?",
                age: IdempotencyKey.lifetime),
            RetentionRule(
                "received versions", table: "received", key: "aggregate", where: "received_at <= ?", age: days(60)),
            RetentionRule(
                "dead letters", table: "dead_letters", key: "subscriber, position", where: "died_at <= ?", age: days(30)
            ),
            RetentionRule(
                "events", table: "events", key: "position",
                where: """
                    occurred_at <= ?\(isDelivered) AND version < \
                    (SELECT MAX(version) FROM events AS newer WHERE newer.aggregate = events.aggregate)
                    """, age: days(7)),
        ]
    }
}

import Foundation
import PetProStorage
import PetProTesting

extension Bench {
    /// Measures bookings at the store on each engine, beside what the engine does with the same rows by itself.
    func store() async throws -> Table {
        var table = Table(
            """
            Bookings on each engine, with 64 callers at once. The engine's own rate is that of \(Self.loops): the same rows, one \
            booking per transaction. All share all cores.
            """,
            "engine", "its own", "the store, one instance", "two instances", "of its own", "over HTTP")
        let folder = NSTemporaryDirectory() + "petpro-store-\(UUID())"
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try await cores?.release()
        try await row("SQLite", .file(folder + "/booking.sqlite"), to: &table) {
            try SQLiteLoop.rate(folder, seconds: seconds)
        }
        if let postgres {
            try await row(
                "PostgreSQL", .schema(PostgresTarget(url: postgres, schema: "booking")), to: &table,
                arguments: ["--database", postgres]
            ) {
                let rate = try await PgBench.rate(postgres, seconds: seconds)
                try await PgBench.drop(postgres)
                return rate
            }
        } else {
            table.notes.append("Without PostgreSQL, for which --database names a database of its own.")
        }
        return table
    }

    private static let loops = "a bare loop on one connection (SQLite), or of `pgbench -c 8 -j 2` over TCP (PostgreSQL)"

    private func row(
        _ engine: String, _ place: DatabasePlace, to table: inout Table, arguments: [String] = [],
        own: () async throws -> Double
    ) async throws {
        let store = StoreLoad(place)
        // Their rows are the pattern of the engine's own, and take the same space.
        let one = try await store.rate(instances: 1, callers: 64, seconds: seconds)
        let two = try await store.rate(instances: 2, callers: 64, seconds: seconds)
        let own = try await own()
        let http = try await with(isPinned: false, arguments: arguments, bookings: Int(seconds * 8000)) {
            platform, flows in
            try await load("flow 1, \(engine)", .closed(connections: 64), port: platform.port) { _ in flows.booking() }
                .rate
        }
        table.add(
            engine, own.perSecond, one.perSecond, two.perSecond, String(format: "%.0f %%", 100 * one / own),
            http.perSecond)
    }
}

import Logging
import PetProStorage
import PetProTesting
import Rookery

/// The result of a trial.
struct Verdict {
    private let calls: Int
    private let statuses: [String: Int]
    private let failed: Int
    private let failedInRestarts: Int
    /// When requests began that failed, in seconds since the load began, with their numbers.
    private let failedAt: String
    /// When requests began that took longer than a second, likewise.
    private let slowAt: String
    private let failedWithoutServer: Int
    private let acknowledged: Int
    private let lost: Int
    private let doubled: Int
    private let bookings: Int
    private let keys: Int
    private let percentiles: [(String, Int)]
    private let faults: [Fleet.AppliedFault]
    private let mustSucceed: Double
    private let stoppedWell: Bool
    private let check: ProjectionCheck
    private let statusChanges: Int

    /// Compares the outcomes with Booking's database. Call it after all services have stopped.
    ///
    /// Throws if the database cannot be opened or read.
    init(
        _ outcomes: [Load.Outcome], _ faults: [Fleet.AppliedFault], _ check: ProjectionCheck, statusChanges: Int,
        _ databases: Databases, data: String, mustSucceed: Double, stoppedWell: Bool
    ) async throws {
        let encryption = try EncryptionKeyFile("\(data)/encryption-keys.json", logger: Logger(label: "trial"))
        let database = try databases.place(of: "booking").inspect(Protection(service: "booking", keys: encryption))
        let saved = try await database.read { transaction in
            try transaction.rows("SELECT id, pet_id, start_at FROM bookings") {
                (id: try $0.int(), pet: try $0.int(), start: try $0.int())
            }
        }
        let kept = try await database.read { transaction in
            try IdempotencyKey.replies(of: "create-booking", in: transaction).map {
                (key: $0.key, booking: try JSONValue(parsing: $0.reply)["id"]?.intValue)
            }
        }
        let stored = try await database.read { transaction in
            outcomes.reduce(into: [:]) { $0[$1.key] = IdempotencyKey.stored($1.key, in: transaction) }
        }
        try database.close()
        calls = outcomes.count
        statuses = outcomes.reduce(into: [:]) { counts, outcome in
            counts["\(outcome.status)\(outcome.status == 201 ? "" : " \(outcome.code ?? "")")", default: 0] += 1
        }
        // The platform must book one request of a contested pair and refuse the other. If it refuses a retry because
        // the first attempt had booked, the pair has no acknowledged booking. Any refusal of an uncontested request is a
        // failure.
        let pairs = Dictionary(grouping: outcomes.filter(\.isContested), by: \.pair)
        let refusedPairs = pairs.values.filter { pair in
            pair.count == 2 && pair.allSatisfy(\.isAnswered) && pair.filter { $0.status == 201 }.count != 1
        }
        // While the database server is away, requests can only wait or be refused. They count for nothing but what was lost.
        let bounces = faults.filter { $0.fault == .bounced }
        func isWithoutServer(_ outcome: Load.Outcome) -> Bool {
            let end = outcome.began + .milliseconds(outcome.milliseconds)
            return bounces.contains { outcome.began <= $0.to + .seconds(1) && end >= $0.from }
        }
        let refused = outcomes.filter { !$0.isAnswered }
        let failures = refused.filter { !isWithoutServer($0) }
        failedWithoutServer = refused.count - failures.count
        failed = failures.count + refusedPairs.count
        failedAt = Self.seconds(of: failures)
        slowAt = Self.seconds(of: outcomes.filter { $0.milliseconds > 1000 && !isWithoutServer($0) })
        let restarts = faults.filter { $0.fault == .restarted }
        // Counts only requests that began during a restart, because earlier faults cause failures too.
        failedInRestarts =
            failures.filter { outcome in restarts.contains { $0.from <= outcome.began && outcome.began <= $0.to } }
            .count
        let byKey = Dictionary(kept.map { ($0.key, $0.booking) }, uniquingKeysWith: { first, _ in first })
        let ids = Set(saved.map(\.id))
        let own = outcomes.filter { $0.bookingId != nil }
        acknowledged = own.count
        lost =
            own.filter { outcome in
                guard let id = outcome.bookingId else { return false }
                return !ids.contains(id) || stored[outcome.key].flatMap({ byKey[$0] ?? nil }) != id
            }.count
        // A pet has at most one booking at a time, and a booking has at most one key.
        let places = Set(saved.map { "\($0.pet) \($0.start)" })
        doubled = (saved.count - places.count) + (kept.count - Set(kept.map(\.booking)).count)
        bookings = saved.count
        keys = kept.count
        let milliseconds = outcomes.filter { !isWithoutServer($0) }.map(\.milliseconds)
        percentiles = [("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999), ("max", 1)].map { name, share in
            (name, percentile(share, of: milliseconds))
        }
        self.faults = faults
        self.check = check
        self.statusChanges = statusChanges
        self.mustSucceed = mustSucceed
        self.stoppedWell = stoppedWell && faults.allSatisfy(\.wentWell)
    }

    /// In which seconds since the load began requests began, and how many in each.
    private static func seconds(of outcomes: [Load.Outcome]) -> String {
        Dictionary(grouping: outcomes) { $0.began.components.seconds }.sorted { $0.key < $1.key }
            .map { "\($0.key): \($0.value.count)" }.joined(separator: ", ")
    }

    private var succeeded: Double { calls == 0 ? 0 : 1 - Double(failed) / Double(calls) }

    var isGood: Bool {
        lost == 0 && doubled == 0 && bookings == keys && acknowledged > calls / 2 && succeeded >= mustSucceed
            && failedInRestarts == 0 && !faults.isEmpty && stoppedWell && check.differing == 0
            && check.changedBookings > 0
            && statusChanges > 0 && check.ofInactiveVendors > 0
    }

    var text: String {
        var lines = ["", "\(calls) calls:"]
        for (status, count) in statuses.sorted(by: { $0.key < $1.key }) { lines.append("  \(count)  \(status)") }
        lines.append("latency  " + percentiles.map { "\($0) \($1) ms" }.joined(separator: ", "))
        lines.append(
            "succeeded  \((succeeded * 100_000).rounded() / 1000) %, with correct refusals (at least \(mustSucceed * 100))"
        )
        let byKind = Fleet.Fault.allCases.map { kind in
            "\(faults.filter { $0.fault == kind }.count) \(kind.rawValue)"
        }
        lines.append("instances  \(byKind.joined(separator: ", ")); calls lost in restarts  \(failedInRestarts)")
        if !failedAt.isEmpty { lines.append("failed, by second  \(failedAt)") }
        if !slowAt.isEmpty { lines.append("longer than a second, by second  \(slowAt)") }
        if failedWithoutServer > 0 {
            lines.append(
                "while the database server was away  \(failedWithoutServer) failed; they are not counted above")
        }
        lines.append("acknowledged  \(acknowledged), of which lost  \(lost)")
        lines.append("bookings  \(bookings), keys  \(keys), doubled  \(doubled)")
        for projection in check.projections {
            lines.append("\(projection.name)  \(projection.rows), of which differ  \(projection.differing)")
        }
        lines.append(
            "changed  \(check.changedBookings) bookings and \(statusChanges) times a vendor's status, whose bookings and products "
                + "then were \(check.ofInactiveVendors)")
        if !stoppedWell { lines.append("a process did not stop cleanly") }
        lines.append(
            isGood ? "verdict: nothing lost, nothing doubled, and what came by events agrees" : "verdict: NOT GOOD")
        return lines.joined(separator: "\n")
    }

    var json: JSONValue {
        [
            "calls": .int(Int64(calls)), "failed": .int(Int64(failed)),
            "failedWithoutServer": .int(Int64(failedWithoutServer)),
            "failedInRestarts": .int(Int64(failedInRestarts)), "faults": .int(Int64(faults.count)),
            "succeeded": .double(succeeded), "acknowledged": .int(Int64(acknowledged)), "lost": .int(Int64(lost)),
            "doubled": .int(Int64(doubled)), "bookings": .int(Int64(bookings)), "keys": .int(Int64(keys)),
            "projectionsDiffering": .int(Int64(check.differing)),
            "bookingsChanged": .int(Int64(check.changedBookings)), "statusChanges": .int(Int64(statusChanges)),
            "milliseconds": .object(
                percentiles.reduce(into: JSONObject()) { $0[$1.0] = .int(Int64($1.1)) }),
            "good": .bool(isGood),
        ]
    }
}

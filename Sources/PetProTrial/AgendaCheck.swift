import Logging
import PetProStorage
import PetProTesting

/// Compares Vendor's agenda with Booking's bookings. Only events carry the one to the other.
struct AgendaCheck {
    /// The number of rows of the agenda.
    let rows: Int
    /// The bookings that the agenda lacks, has with another vendor, status or time, or has though they do not exist.
    let differing: Int
    /// The bookings whose status has changed, so that they have more than one event.
    let changed: Int

    /// Where the agenda of a platform is.
    struct Places {
        let booking: DatabasePlace
        let vendor: DatabasePlace

        /// `url` is the PostgreSQL database. Without it, the files in `data` are read.
        init(data: String, database url: String?) {
            func place(_ service: String) -> DatabasePlace {
                url.map { .schema(PostgresTarget(url: $0, schema: service)) } ?? .file("\(data)/\(service).sqlite")
            }
            booking = place("booking")
            vendor = place("vendor")
        }
    }

    /// Waits until the agenda agrees with the bookings, for at most `limit`, and returns how they compare then.
    ///
    /// Call it while the platform runs and books no more. Throws the error of the engine.
    static func settled(_ places: Places, within limit: Duration) async throws -> AgendaCheck {
        let end = ContinuousClock.now + limit
        while true {
            let check = try await AgendaCheck(places)
            if check.differing == 0 || ContinuousClock.now > end { return check }
            try await Task.sleep(for: .milliseconds(250))
        }
    }

    private init(_ places: Places) async throws {
        let vendor = try await Self.rows(places.vendor, "SELECT booking_id, vendor_id, start_at, status FROM agenda")
        // Read after the agenda, so that each booking of the agenda is found. One that is made meanwhile differs until the next look.
        let booking = try await Self.rows(places.booking, "SELECT id, vendor_id, start_at, status FROM bookings")
        rows = vendor.count
        differing =
            booking.filter { vendor[$0.key] != $0.value }.count + vendor.keys.filter { booking[$0] == nil }.count
        changed = booking.values.filter { $0.status != "pending" }.count
    }

    private struct Entry: Sendable, Equatable {
        let vendor: Int
        let start: Int
        let status: String
    }

    private static func rows(_ place: DatabasePlace, _ sql: String) async throws -> [Int: Entry] {
        let database = try place.inspect(nil)
        defer { try? database.close() }
        let rows = try await database.read { transaction in
            try transaction.rows(sql) {
                (try $0.int(), Entry(vendor: try $0.int(), start: try $0.int(), status: try $0.text()))
            }
        }
        return Dictionary(rows) { first, _ in first }
    }
}

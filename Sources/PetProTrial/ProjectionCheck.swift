import Logging
import PetProStorage

/// Compares what services know by events with the services that sent them: Vendor's agenda with Booking's bookings, and the flags of
/// bookings and the status of products with Vendor's status of their vendors.
struct ProjectionCheck {
    let projections: [Projection]
    /// The bookings whose status has changed, so that they have more than one event.
    let changedBookings: Int
    /// Those of the bookings and products whose vendor is not active at the end.
    let ofInactiveVendors: Int

    var differing: Int { projections.reduce(0) { $0 + $1.differing } }

    /// Waits until all agree, for at most `limit`, and returns how they compare then.
    ///
    /// Call it while the platform runs and changes no more. Throws the error of the engine.
    static func settled(_ databases: Databases, within limit: Duration) async throws -> ProjectionCheck {
        let end = ContinuousClock.now + limit
        while true {
            let check = try await ProjectionCheck(databases)
            if check.differing == 0 || ContinuousClock.now > end { return check }
            try await Task.sleep(for: .milliseconds(250))
        }
    }

    private init(_ databases: Databases) async throws {
        let agenda = try await databases.rows("vendor", "SELECT booking_id, vendor_id, start_at, status FROM agenda") {
            (try $0.int(), Entry(vendor: try $0.int(), start: try $0.int(), status: try $0.text()))
        }
        // Read after the agenda, so that each booking of the agenda is found. One that is made meanwhile differs until the next look.
        let bookings = try await databases.rows(
            "booking", "SELECT id, vendor_id, start_at, status, flagged FROM bookings"
        ) {
            (
                try $0.int(), Entry(vendor: try $0.int(), start: try $0.int(), status: try $0.text()), try $0.bool()
            )
        }
        let products = try await databases.rows("product", "SELECT vendor_id, status FROM products") {
            (try $0.int(), try $0.text())
        }
        let vendors = try await databases.rows("vendor", "SELECT id, status FROM vendors") {
            (try $0.int(), try $0.text() == "active")
        }
        let isActive = Dictionary(vendors) { first, _ in first }
        let byId = Dictionary(bookings.map { ($0.0, $0.1) }) { first, _ in first }
        let inAgenda = Dictionary(agenda) { first, _ in first }
        let open = bookings.filter { ["pending", "confirmed"].contains($0.1.status) }
        projections = [
            Projection(
                name: "agenda", rows: inAgenda.count,
                differing: byId.filter { inAgenda[$0.key] != $0.value }.count
                    + inAgenda.keys.filter { byId[$0] == nil }.count),
            Projection(
                name: "flags of bookings", rows: open.count,
                differing: open.filter { $0.2 == isActive[$0.1.vendor] }.count),
            Projection(
                name: "status of products", rows: products.count,
                differing: products.filter { ($0.1 == "active") != isActive[$0.0] }.count),
        ]
        changedBookings = bookings.filter { $0.1.status != "pending" }.count
        ofInactiveVendors =
            open.filter { isActive[$0.1.vendor] == false }.count + products.filter { isActive[$0.0] == false }.count
    }

    private struct Entry: Sendable, Equatable {
        let vendor: Int
        let start: Int
        let status: String
    }
}

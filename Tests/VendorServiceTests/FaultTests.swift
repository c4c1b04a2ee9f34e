import PetProContracts
import PetProRuntime
import PetProStorage
import PetProTesting
import Rookery
import RookeryTesting
import Testing

@testable import VendorService

@Suite("A vendor whose tables refuse writes")
struct FaultTests {
    private static let now = Instant(milliseconds: 1_800_000_000_000)
    private let database: Database
    private let vendors: VendorController

    init() throws {
        database = try Database.temporary(VendorController.migrations)
        vendors = VendorController(database: database, environment: ServiceEnvironment(now: { Self.now }))
    }

    private func make(_ user: Int) async throws -> Vendor {
        try await vendors.createVendor(
            CreateVendor(userId: user, businessName: "V \(user)", type: .grooming, timeZone: .utc, currency: .eur))
    }

    @Test("is made, and changes its status, with the event or not at all")
    func status() async throws {
        let made = try await FaultPoint.tables(that: { _ = try await make($0 + 1) }, needsIn: database)
        #expect(made == ["events", "vendors"])
        let vendor = try await make(1)
        let changed = try await FaultPoint.tables(
            that: { run in
                let isActive = try await vendors.getVendorById(GetVendorById(id: vendor.id)).status == .active
                _ = try await vendors.setVendorStatus(
                    SetVendorStatus(id: vendor.id, to: isActive ? .suspended : .active))
            }, needsIn: database)
        #expect(changed == ["events", "vendors"])
    }

    @Test("has all its hours and services changed, or none")
    func terms() async throws {
        let vendor = try await make(1)
        let day = try SpecialDay(date: #require(LocalDate("2027-03-15")), closed: true)
        let hours = try OpeningHours(
            weekday: 1, open: #require(LocalTime("09:00")), close: #require(LocalTime("12:00")))
        let set = try await FaultPoint.tables(
            that: { _ in
                _ = try await vendors.setVendorHours(
                    SetVendorHours(vendorId: vendor.id, hours: [hours], specialDays: [day]))
            }, needsIn: database)
        #expect(set == ["events", "hours", "special_days", "vendors"])
        let added = try await FaultPoint.tables(
            that: { run in
                _ = try await vendors.addService(
                    AddService(
                        vendorId: vendor.id, name: "Bath \(run)", durationMinutes: 45,
                        price: Money(amountMinor: 1, currency: .eur), species: [.dog]))
            }, needsIn: database)
        #expect(added == ["services", "vendors"])
    }

    @Test("takes an event into the agenda and notes it, or does neither")
    func agenda() async throws {
        let needed = try await FaultPoint.tables(
            that: { run in
                try await vendors.bookingCreated(
                    EventEnvelope<BookingCreated>(
                        eventId: "e\(run)", type: "booking.created", occurredAt: Self.now,
                        data: BookingCreated(
                            bookingId: run + 1, vendorId: 1, serviceId: 1, start: Self.now,
                            end: Self.now + .seconds(60),
                            status: .pending)))
            }, needsIn: database)
        #expect(needed == ["agenda", "received"])
    }
}

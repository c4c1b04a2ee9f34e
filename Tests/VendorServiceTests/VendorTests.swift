import Foundation
import PetProContracts
import PetProStorage
import Rookery
import Testing

@testable import VendorService

@Suite("Opening hours")
struct ScheduleTests {
    private func windows(_ zone: String, _ date: String, _ open: String, _ close: String) throws -> [String] {
        let day = try #require(LocalDate(date))
        let opening = try #require(Schedule.Opening(open: open, close: close))
        let schedule = Schedule(weekly: [day.weekday: [opening]], special: [:])
        return schedule.windows(on: day, in: try #require(TimeZone(identifier: zone))).map { "\($0.start)/\($0.end)" }
    }

    @Test("become instants by the vendor's zone, on days of clock change too")
    func clockChange() throws {
        // Los Angeles: 02:00 becomes 03:00 on 2027-03-14.
        #expect(
            try windows("America/Los_Angeles", "2027-03-13", "09:00", "17:00")
                == ["2027-03-13T17:00:00.000Z/2027-03-14T01:00:00.000Z"])
        #expect(
            try windows("America/Los_Angeles", "2027-03-14", "09:00", "17:00")
                == ["2027-03-14T16:00:00.000Z/2027-03-15T00:00:00.000Z"])
        // A window over the gap is an hour shorter.
        #expect(
            try windows("America/Los_Angeles", "2027-03-14", "00:00", "06:00")
                == ["2027-03-14T08:00:00.000Z/2027-03-14T13:00:00.000Z"])
        // Berlin: 02:00 becomes 03:00 on 2027-03-28.
        #expect(
            try windows("Europe/Berlin", "2027-03-28", "07:00", "18:30")
                == ["2027-03-28T05:00:00.000Z/2027-03-28T16:30:00.000Z"])
        #expect(
            try windows("Europe/Berlin", "2027-03-27", "07:00", "24:00")
                == ["2027-03-27T06:00:00.000Z/2027-03-27T23:00:00.000Z"])
        #expect(
            try windows("Asia/Jakarta", "2027-03-26", "13:00", "20:00")
                == ["2027-03-26T06:00:00.000Z/2027-03-26T13:00:00.000Z"])
    }

    @Test("that overlap or end before they begin are refused, each by its place")
    func violations() {
        let hours = [
            OpeningHours(weekday: 1, open: "09:00", close: "12:00"),
            OpeningHours(weekday: 1, open: "11:00", close: "13:00"),
            OpeningHours(weekday: 2, open: "12:00", close: "09:00"),
            OpeningHours(weekday: 1, open: "13:00", close: "14:00"),
        ]
        let days = [SpecialDay(date: LocalDate(daysSinceEpoch: 1), closed: false)]
        #expect(
            Schedule.violations(hours, days).map(\.path) == ["hours[1]", "hours[2].close", "specialDays[0]"])
    }
}

@Suite("A vendor")
struct VendorTests {
    // A Sunday.
    private static let now = Instant("2027-03-14T12:00:00Z") ?? Instant(milliseconds: 0)
    private let vendors: VendorController

    init() throws {
        vendors = VendorController(
            database: try Database(inMemory: VendorController.migrations),
            environment: ServiceEnvironment(now: { Self.now }))
    }

    private func make(user: Int = 1, name: String = "Marigold") async throws -> Vendor {
        try await vendors.createVendor(
            CreateVendor(
                userId: user, businessName: name, type: .grooming, email: "a@b.cz", timeZone: "Europe/Berlin",
                currency: .eur, capacity: 2))
    }

    private func refusal<Value>(_ body: () async throws -> Value) async -> RemoteError? {
        do {
            _ = try await body()
            return nil
        } catch {
            return error as? RemoteError
        }
    }

    @Test("is made once per user")
    func idempotent() async throws {
        let vendor = try await make()
        #expect(try await make() == vendor)
        #expect(await refusal { try await make(name: "Another") }?.code == .vendorExists)
        #expect(await refusal { try await vendors.getVendorById(GetVendorById(id: 99)) }?.code == .vendorNotFound)
        #expect(try await vendors.getVendorByUser(GetVendorByUser(userId: 1)).id == vendor.id)
    }

    @Test("needs a time zone that exists")
    func timeZone() async throws {
        let error = await refusal {
            try await vendors.createVendor(
                CreateVendor(
                    userId: 2, businessName: "X Y", type: .walking, email: "a@b.cz", timeZone: "Mars/Base",
                    currency: .eur))
        }
        #expect(error?.code == .invalidPayload && error?.details?.arrayValue?[0]["path"] == "timeZone")
    }

    @Test("answers all that a booking is decided on, for the day an instant falls on in its zone")
    func availability() async throws {
        let vendor = try await make()
        _ = try await vendors.setVendorHours(
            SetVendorHours(
                vendorId: vendor.id, hours: [OpeningHours(weekday: 1, open: "09:00", close: "17:00")],
                specialDays: [
                    SpecialDay(date: try #require(LocalDate("2027-03-22")), closed: true),
                    SpecialDay(
                        date: try #require(LocalDate("2027-03-23")), closed: false, open: "10:00", close: "12:00"),
                ]))
        let service = try await vendors.addService(
            AddService(
                vendorId: vendor.id, name: "Bath", durationMinutes: 45, price: Money(amountMinor: 1, currency: .eur),
                species: [.dog]))
        func ask(_ date: String) async throws -> VendorAvailability {
            try await vendors.getVendorAvailability(
                GetVendorAvailability(vendorId: vendor.id, date: LocalDate(date)))
        }
        let monday = try await ask("2027-03-15")
        #expect(monday.open && monday.windows.map(\.start.description) == ["2027-03-15T08:00:00.000Z"])
        #expect(monday.capacity == 2 && monday.services == [service] && monday.timeZone == "Europe/Berlin")
        #expect(try await !ask("2027-03-16").open)
        #expect(try await !ask("2027-03-22").open)
        #expect(try await ask("2027-03-23").windows.count == 1)
        // In the past, and beyond the horizon of 90 days.
        #expect(try await !ask("2027-03-08").open)
        #expect(try await !ask("2027-06-21").open)
        // 23:30 UTC on Sunday is Monday in Berlin.
        let byInstant = try await vendors.getVendorAvailability(
            GetVendorAvailability(vendorId: vendor.id, at: Instant("2027-03-14T23:30:00Z")))
        #expect(byInstant.date.description == "2027-03-15")
        #expect(
            await refusal { try await vendors.getVendorAvailability(GetVendorAvailability(vendorId: vendor.id)) }?.code
                == .invalidPayload)
    }

    @Test("moves between its states as the platform says")
    func states() async throws {
        let allowed: Set<String> = [
            "pending_approval>active", "pending_approval>rejected", "active>suspended", "suspended>active",
            "active>inactive", "suspended>inactive",
        ]
        for from in VendorStatus.allCases {
            for to in VendorStatus.allCases {
                #expect(from.canBecome(to) == allowed.contains("\(from.rawValue)>\(to.rawValue)"))
            }
        }
        let vendor = try await make()
        let suspended = try await vendors.setVendorStatus(SetVendorStatus(id: vendor.id, to: .suspended))
        #expect(suspended.status == .suspended && suspended.version == vendor.version + 1)
        #expect(
            await refusal { try await vendors.setVendorStatus(SetVendorStatus(id: vendor.id, to: .rejected)) }?.code
                == .invalidTransition)
    }

    @Test("keeps its prices in its own currency")
    func currency() async throws {
        let vendor = try await make()
        let error = await refusal {
            try await vendors.addService(
                AddService(
                    vendorId: vendor.id, name: "Bath", durationMinutes: 45,
                    price: Money(amountMinor: -1, currency: .usd),
                    species: [.dog]))
        }
        #expect(error?.details?.arrayValue?.map { $0["path"] } == ["price.currency", "price.amountMinor"])
    }

    @Test("has bookings in its agenda, whichever event comes first")
    func agenda() async throws {
        let database = try Database(inMemory: VendorController.migrations)
        let vendors = VendorController(database: database)
        let changed = BookingStatusChangedEvent(
            eventId: "e2", type: "booking.status-changed", occurredAt: Self.now,
            data: BookingStatusChanged(bookingId: 7, vendorId: 1, from: .pending, to: .confirmed))
        let created = BookingCreatedEvent(
            eventId: "e1", type: "booking.created", occurredAt: Self.now,
            data: BookingCreated(
                bookingId: 7, vendorId: 1, serviceId: 3, start: Self.now, end: Self.now + .seconds(60), status: .pending
            ))
        try await vendors.bookingStatusChanged(changed)
        try await vendors.bookingCreated(created)
        try await vendors.bookingCreated(created)
        let row = try await database.read { transaction in
            try transaction.rows("SELECT * FROM agenda").map { "\(try $0.int("service_id")) \(try $0.text("status"))" }
        }
        #expect(row == ["3 confirmed"])
    }
}

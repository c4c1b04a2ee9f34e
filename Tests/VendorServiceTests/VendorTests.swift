import Foundation
import PetProContracts
import PetProRuntime
import PetProStorage
import PetProTesting
import Rookery
import RookeryTesting
import Testing

@testable import VendorService

private func time(_ text: String) throws -> LocalTime { try #require(LocalTime(text)) }

@Suite("Opening hours")
struct ScheduleTests {
    private func windows(_ zone: String, _ date: String, _ open: String, _ close: String) throws -> [String] {
        let day = try #require(LocalDate(date))
        let opening = try #require(Schedule.Opening(open: time(open), close: time(close)))
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

    @Test("that overlap, end before they begin, or come twice for a date are refused, each by its place")
    func violations() throws {
        func hours(_ weekday: Int, _ open: String, _ close: String) throws -> OpeningHours {
            OpeningHours(weekday: weekday, open: try time(open), close: try time(close))
        }
        let weekly = [
            try hours(1, "09:00", "12:00"), try hours(1, "11:00", "13:00"), try hours(2, "12:00", "09:00"),
            try hours(1, "13:00", "14:00"), try hours(3, "00:00", "24:00"),
        ]
        func day(_ number: Int) -> LocalDate { LocalDate(daysSinceEpoch: number) }
        let days = [
            SpecialDay(date: day(1), closed: false), SpecialDay(date: day(2), closed: true),
            SpecialDay(date: day(2), closed: true),
            SpecialDay(date: day(3), closed: true, open: try time("09:00"), close: try time("10:00")),
            SpecialDay(date: day(4), closed: false, open: try time("09:00"), close: try time("10:00")),
        ]
        #expect(
            Schedule.violations(weekly, days).map(\.path)
                == ["hours[1]", "hours[2].close", "specialDays[0]", "specialDays[2].date", "specialDays[3]"])
    }

    @Test("are asked for by instants as far as dates reach")
    func farAway() throws {
        let zone = try #require(TimeZone(identifier: "Pacific/Kiritimati"))
        for milliseconds in [Int64(253_402_300_799_999), 8_640_000_000_000_000] {
            #expect(zone.localDate(of: Instant(milliseconds: milliseconds)).description == "9999-12-31")
        }
        #expect(zone.localDate(of: Instant(milliseconds: 1_800_000_000_000)).description == "2027-01-15")
    }
}

@Suite("A vendor")
struct VendorTests {
    // A Sunday.
    private static let now = Instant("2027-03-14T12:00:00Z") ?? Instant(milliseconds: 0)
    private let vendors: VendorController

    init() throws {
        vendors = VendorController(
            database: try Database.temporary(VendorController.migrations),
            environment: ServiceEnvironment(now: { Self.now }))
    }

    private func make(user: Int = 1, name: String = "Marigold", capacity: Int = 2) async throws -> Vendor {
        try await vendors.createVendor(
            CreateVendor(
                userId: user, businessName: name, type: .grooming, email: "a@b.cz",
                timeZone: try #require(TimeZoneName(rawValue: "Europe/Berlin")), currency: .eur, capacity: capacity))
    }

    @Test("is made once per user")
    func idempotent() async throws {
        let vendor = try await make()
        #expect(try await make() == vendor)
        #expect(try await refusal { try await make(name: "Another") }?.code == .vendorExists)
        #expect(try await refusal { try await vendors.getVendorById(GetVendorById(id: 99)) }?.code == .vendorNotFound)
        #expect(try await vendors.getVendorByUser(GetVendorByUser(userId: 1)).id == vendor.id)
    }

    @Test("has a time zone of the IANA database, which is said before anything is asked")
    func timeZone() throws {
        func decode(_ zone: String) throws -> CreateVendor {
            let object: JSONValue = [
                "userId": 1, "businessName": "X Y", "type": "walking", "timeZone": .string(zone), "currency": "EUR",
            ]
            return try CreateVendor.decode(json: object.jsonText)
        }
        for zone in ["UTC", "Asia/Jakarta", "America/Argentina/Buenos_Aires"] {
            #expect(try decode(zone).timeZone.rawValue == zone)
        }
        for zone in ["Mars/Base", "", "Europe/Berlin\u{0}", "+01:00", "europe/berlin"] {
            let error = #expect(throws: InvalidPayload.self) { try decode(zone) }
            #expect(error?.violations.map(\.path) == ["timeZone"])
        }
    }

    @Test("is the same vendor by the same registration only, whatever has been changed since")
    func sameRegistration() async throws {
        let vendor = try await make()
        _ = try await vendors.updateVendor(UpdateVendor(id: vendor.id, businessName: "Changed"))
        #expect(try await make().id == vendor.id)
        #expect(try await refusal { try await make(capacity: 3) }?.code == .vendorExists)
    }

    @Test("of an account that is gone ends, and none is made for it any more", arguments: [false, true])
    func accountGone(_ isEarlier: Bool) async throws {
        let event = EventEnvelope<UserDeleted>(
            eventId: "e", type: "user.deleted", occurredAt: Self.now, data: UserDeleted(userId: 1))
        if isEarlier {
            try await vendors.userDeleted(event)
            #expect(try await refusal { try await make() }?.code == .userNotFound)
        } else {
            let vendor = try await make()
            try await vendors.userDeleted(event)
            try await vendors.userDeleted(event)
            let ended = try await vendors.getVendorById(GetVendorById(id: vendor.id))
            #expect(ended.status == .inactive && ended.version == vendor.version + 1)
            #expect(try await refusal { try await make() }?.code == .userNotFound)
        }
    }

    @Test("shows no address but the one it was given for that")
    func publicAddress() async throws {
        let vendor = try await vendors.createVendor(
            CreateVendor(userId: 1, businessName: "No Mail", type: .walking, timeZone: .utc, currency: .eur))
        #expect(vendor.email == nil)
        let changed = try await vendors.updateVendor(UpdateVendor(id: vendor.id, email: "shop@b.cz"))
        #expect(changed.email == "shop@b.cz")
        #expect(try await vendors.listVendors(ListVendors()).items[0].email == "shop@b.cz")
    }

    @Test("has at most 50 services, in whatever state")
    func services() async throws {
        let vendor = try await make()
        func add(_ number: Int) async throws -> OfferedService {
            try await vendors.addService(
                AddService(
                    vendorId: vendor.id, name: "Service \(number)", durationMinutes: 45,
                    price: Money(amountMinor: 1, currency: .eur), species: [.dog]))
        }
        for number in 0..<Holdings.services {
            let service = try await add(number)
            _ = try await vendors.updateService(
                UpdateService(vendorId: vendor.id, serviceId: service.id, active: false))
        }
        #expect(try await refusal { try await add(50) }?.code == .limitReached)
    }

    @Test(
        "is listed by its state and its type, each by an index",
        .enabled(if: Database.testServer == nil, "looks at SQLite's plans"))
    func listings() async throws {
        _ = try await make()
        let second = try await make(user: 2)
        _ = try await vendors.setVendorStatus(SetVendorStatus(id: second.id, to: .suspended))
        func ids(_ status: VendorStatus?, _ type: VendorType? = nil) async throws -> [Int] {
            try await vendors.listVendors(ListVendors(type: type, status: status)).items.map(\.id)
        }
        #expect(try await ids(.suspended) == [second.id])
        #expect(try await ids(nil) == [1, second.id])
        #expect(try await ids(nil, .grooming).count == 2)
        #expect(try await ids(nil, .walking).isEmpty)
        for request in [
            ListVendors(status: .active, after: 5), ListVendors(type: .walking),
            ListVendors(type: .walking, status: .active),
        ] {
            let (sql, values) = Transaction.listing(request)
            let plan = try await vendors.database.plan(sql, values)
            #expect(plan.contains("SEARCH") && !plan.contains("SCAN"), "\(plan)")
        }
    }

    @Test("shows its special days where they are asked for, and forgets them a year after the day")
    func specialDays() async throws {
        let vendor = try await make()
        let days = [
            SpecialDay(date: try #require(LocalDate("2027-03-22")), closed: true, note: "at a wedding"),
            SpecialDay(
                date: try #require(LocalDate("2027-03-23")), closed: false, open: try time("10:00"),
                close: try time("12:00")),
        ]
        let changed = try await vendors.setVendorHours(
            SetVendorHours(vendorId: vendor.id, hours: [], specialDays: days.reversed()))
        #expect(changed.specialDays == days)
        func shown() async throws -> [SpecialDay]? {
            try await vendors.getVendorById(GetVendorById(id: vendor.id, withSpecialDays: true)).specialDays
        }
        #expect(try await shown() == days)
        #expect(try await vendors.getVendorByUser(GetVendorByUser(userId: vendor.userId)).specialDays == days)
        #expect(try await vendors.getVendorById(GetVendorById(id: vendor.id)).specialDays == nil)
        let rule = try #require(VendorModule.retention.first)
        func apply(_ instant: String) async throws -> Int {
            try await rule.apply(to: vendors.database, at: try #require(Instant(instant)))
        }
        #expect(try await apply("2028-03-20T23:59:59Z") == 0)
        #expect(try await apply("2028-03-21T00:00:00Z") == 1)
        #expect(try await shown() == [days[1]])
    }

    @Test("answers all that a booking is decided on, for the day an instant falls on in its zone")
    func availability() async throws {
        let vendor = try await make()
        _ = try await vendors.setVendorHours(
            SetVendorHours(
                vendorId: vendor.id,
                hours: [OpeningHours(weekday: 1, open: try time("09:00"), close: try time("17:00"))],
                specialDays: [
                    SpecialDay(date: try #require(LocalDate("2027-03-22")), closed: true),
                    SpecialDay(
                        date: try #require(LocalDate("2027-03-23")), closed: false, open: try time("10:00"),
                        close: try time("12:00")),
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
            try await refusal { try await vendors.getVendorAvailability(GetVendorAvailability(vendorId: vendor.id)) }?
                .code
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
            try await refusal { try await vendors.setVendorStatus(SetVendorStatus(id: vendor.id, to: .rejected)) }?.code
                == .invalidTransition)
    }

    @Test("allows what its state says, and refuses everything else, each operation")
    func operations() async throws {
        // One row for each state, in the order of the operations.
        let columns: [VendorOperation] = [
            .show, .takeBookings, .confirmBookings, .concludeBookings, .sell, .keepStock, .edit,
        ]
        #expect(columns == VendorOperation.allCases)
        let table: [VendorStatus: String] = [
            .pendingApproval: "------+", .active: "+++++++", .rejected: "-------", .suspended: "+--+-++",
            .inactive: "+--+---",
        ]
        for status in VendorStatus.allCases {
            let row = try #require(table[status])
            for (operation, mark) in zip(columns, row) {
                #expect(status.allows(operation) == (mark == "+"), "\(status) \(operation)")
                let code = try await refusal { try status.require(operation) }?.code
                #expect(code == (mark == "+" ? nil : .vendorNotActive))
            }
        }
    }

    @Test("can be edited only in a state that allows it")
    func editing() async throws {
        let vendor = try await make()
        let service = try await vendors.addService(
            AddService(
                vendorId: vendor.id, name: "Bath", durationMinutes: 45, price: Money(amountMinor: 1, currency: .eur),
                species: [.dog]))
        _ = try await vendors.setVendorStatus(SetVendorStatus(id: vendor.id, to: .inactive))
        let edits: [() async throws -> Void] = [
            { _ = try await vendors.updateVendor(UpdateVendor(id: vendor.id, capacity: 3)) },
            { _ = try await vendors.setVendorHours(SetVendorHours(vendorId: vendor.id, hours: [])) },
            {
                _ = try await vendors.addService(
                    AddService(
                        vendorId: vendor.id, name: "Bath", durationMinutes: 45,
                        price: Money(amountMinor: 1, currency: .eur), species: [.dog]))
            },
            {
                _ = try await vendors.updateService(
                    UpdateService(vendorId: vendor.id, serviceId: service.id, name: "Other"))
            },
        ]
        for edit in edits { #expect(try await refusal(edit)?.code == .vendorNotActive) }
    }

    @Test("keeps its prices in its own currency")
    func currency() async throws {
        let vendor = try await make()
        let error = try await refusal {
            try await vendors.addService(
                AddService(
                    vendorId: vendor.id, name: "Bath", durationMinutes: 45,
                    price: Money(amountMinor: 1, currency: .usd), species: [.dog]))
        }
        #expect(error?.details?.arrayValue?.map { $0["path"] } == ["price.currency"])
    }

    @Test("has bookings in its agenda, whichever event comes first")
    func agenda() async throws {
        let database = try Database.temporary(VendorController.migrations)
        let vendors = VendorController(database: database)
        let changed = EventEnvelope<BookingStatusChanged>(
            eventId: "e2", type: "booking.status-changed", occurredAt: Self.now,
            data: BookingStatusChanged(bookingId: 7, vendorId: 1, from: .pending, to: .confirmed))
        let created = EventEnvelope<BookingCreated>(
            eventId: "e1", type: "booking.created", occurredAt: Self.now,
            data: BookingCreated(
                bookingId: 7, vendorId: 1, serviceId: 3, start: Self.now, end: Self.now + .seconds(60), status: .pending
            ))
        try await vendors.bookingStatusChanged(changed)
        try await vendors.bookingCreated(created)
        try await vendors.bookingCreated(created)
        let row = try await database.read { transaction in
            try transaction.rows("SELECT service_id, status FROM agenda") { "\(try $0.int()) \(try $0.text())" }
        }
        #expect(row == ["3 confirmed"])
    }
}

@Suite("A database of vendors from before")
struct VendorMigrationTests {
    @Test("shows no address that may be the account's, and has its services on the grid")
    func migrated() async throws {
        let path = NSTemporaryDirectory() + "petpro-vendor-" + UUID().uuidString
        defer { for end in ["", "-wal", "-shm"] { try? FileManager.default.removeItem(atPath: path + end) } }
        let former = try Database(path: path, migrations: [VendorSchema.migrations[0]])
        try await former.write { transaction in
            try transaction.execute(
                """
                INSERT INTO vendors (id, user_id, business_name, type, email, time_zone, currency, capacity,
                    lead_time_minutes, horizon_days, status)
                VALUES (4, 8, ?, 'walking', 'login@b.cz', 'CET', 'EUR', 2, 0, 90, 'active')
                """, String(repeating: "n", count: 130))
            for (minutes, buffer, price) in [(42, 0, 5), (45, 3, 5), (720, 240, 2_000_000_000_000)] {
                try transaction.execute(
                    """
                    INSERT INTO services (vendor_id, name, duration_minutes, price, species, buffer_minutes, active)
                    VALUES (4, 'S', ?, ?, '["dog"]', ?, 1)
                    """, minutes, "{\"amountMinor\":\(price),\"currency\":\"EUR\"}", buffer)
            }
            try transaction.execute("INSERT INTO hours VALUES (4, 1, '09:00', '24:00')")
        }
        try former.close()
        let database = try Database(path: path, migrations: VendorSchema.migrations)
        defer { try? database.close() }
        let vendor = try await VendorController(database: database).getVendorById(GetVendorById(id: 4))
        #expect(vendor.email == nil && vendor.businessName.count == 120 && vendor.timeZone == "CET")
        #expect(vendor.services.map { [$0.durationMinutes, $0.bufferMinutes] } == [[45, 0], [45, 5], [720, 240]])
        #expect(vendor.services.map(\.active) == [true, true, false])
        #expect(vendor.hours.map(\.close.description) == ["24:00"])
        // The same vendor is known again by its name, as before.
        let again = try await VendorController(database: database).createVendor(
            CreateVendor(
                userId: 8, businessName: vendor.businessName, type: .walking, timeZone: .utc, currency: .eur))
        #expect(again.id == 4)
    }
}

import NIOCore
import PetProContracts
import PetProRuntime
import PetProStorage
import PetProTesting
import Rookery
import RookeryTesting
import Synchronization
import Testing

@testable import BookingService

@Suite("Booking")
struct BookingTests {
    private let vendors: FakeVendors
    private let bookings: BookingController
    private let database: Database
    private let time = SettableTime(at(-600))
    /// The names that are given next, before random ones.
    private let names = Names()

    final class Names: Sendable {
        let next = Mutex<[String]>([])
    }

    init() throws {
        let vendors = FakeVendors(capacity: 2)
        let time = self.time
        self.vendors = vendors
        let names = self.names
        database = try Database.temporary(BookingController.migrations)
        bookings = BookingController(
            database: database, vendors: vendors,
            environment: ServiceEnvironment(
                now: { time.now },
                uniqueID: {
                    names.next.withLock { $0.isEmpty ? nil : $0.removeFirst() } ?? ServiceEnvironment.randomID()
                }))
    }

    private func pet(_ species: Species = .dog, owner: Int = 5) async throws -> Int {
        try await bookings.createPet(CreatePet(ownerId: owner, name: "Biscuit", species: species)).id
    }

    private func book(_ pet: Int, _ minutes: Int, service: Int = 1, key: String? = nil, price: Money? = nil)
        async throws
        -> Booking
    {
        try await bookings.createBooking(
            CreateBooking(
                customerId: 5, vendorId: 1, serviceId: service, petId: pet, start: at(minutes), expectedPrice: price,
                idempotencyKey: key))
    }

    @Test("takes a snapshot of name, price and duration, and starts pending")
    func created() async throws {
        let booking = try await book(try await pet(), 0)
        #expect(booking.serviceName == "Bath" && booking.price.amountMinor == 4800 && booking.durationMinutes == 30)
        #expect(booking.status == .pending && booking.end == at(30) && booking.history.map(\.status) == [.pending])
        #expect(try await bookings.getBooking(GetBooking(id: booking.id)) == booking)
    }

    @Test("is made or cancelled whole or not at all, whichever table refuses its write")
    func faults() async throws {
        let pets = [try await pet(), try await pet()]
        var runs = 0
        // The day has ten places, for two pets at once.
        func book(_ run: Int) async throws -> Booking {
            try await self.book(pets[run / 10], 30 * (run % 10), key: "fault-\(run)")
        }
        let needed = try await FaultPoint.tables(
            that: { run in
                runs += 1
                _ = try await book(run)
            }, needsIn: database)
        #expect(needed == ["bookings", "events", "idempotency"])
        // What was refused is booked when its key comes again, and what was booked is not booked twice.
        for run in 0..<runs { _ = try await book(run) }
        #expect(try await bookings.listBookings(ListBookings(customerId: 5)).items.count == runs)
        let cancelled = try await FaultPoint.tables(
            that: { _ in
                let open = try await bookings.listBookings(ListBookings(customerId: 5, status: .pending)).items
                _ = try await bookings.updateBookingStatus(
                    UpdateBookingStatus(
                        id: try #require(open.first).id, to: .cancelled, actor: .customer, reason: "ill"))
            }, needsIn: database)
        #expect(cancelled == ["bookings", "events"])
    }

    @Test("of a long service fits beside two short ones that follow each other")
    func capacity() async throws {
        let pets = [try await pet(), try await pet(), try await pet(), try await pet()]
        _ = try await book(pets[0], 0)
        _ = try await book(pets[1], 30)
        _ = try await book(pets[2], 0, service: 2)
        let error = try await refusal { try await book(pets[3], 0) }
        #expect(error?.code == .vendorUnavailable && error?.details?["reason"] == "full")
        #expect(error?.details?["alternatives"]?.arrayValue?.count == 3)
    }

    @Test("is refused with the reason")
    func refusals() async throws {
        let dog = try await pet()
        let cat = try await pet(.cat)
        let strangers = try await pet(owner: 6)
        #expect(try await refusal { try await book(strangers, 0) }?.code == .petNotFound)
        #expect(try await refusal { try await book(dog, -700) }?.code == .startInPast)
        #expect(try await refusal { try await book(dog, 0, service: 9) }?.code == .serviceNotFound)
        #expect(try await refusal { try await book(cat, 0) }?.code == .speciesNotServed)
        #expect(try await refusal { try await book(dog, -60) }?.details?["reason"] == "outside_hours")
        #expect(try await refusal { try await book(dog, 290) }?.details?["reason"] == "outside_hours")
        let price = Money(amountMinor: 1, currency: .eur)
        #expect(try await refusal { try await book(dog, 0, price: price) }?.code == .priceChanged)
        vendors.availability.withLock { $0.leadTimeMinutes = 601 }
        #expect(try await refusal { try await book(dog, 0) }?.details?["reason"] == "lead_time")
        vendors.availability.withLock { $0.windows = [] }
        #expect(try await refusal { try await book(dog, 0) }?.details?["reason"] == "closed")
        vendors.availability.withLock { $0.status = .suspended }
        #expect(try await refusal { try await book(dog, 0) }?.details?["reason"] == "not_active")
        vendors.isDown.withLock { $0 = true }
        #expect(try await refusal { try await book(dog, 0) }?.code == .dependencyUnavailable)
        #expect(try await bookings.listBookings(ListBookings()).items.isEmpty)
    }

    @Test("of one pet at two places at once is refused, also without a key")
    func petBusy() async throws {
        let dog = try await pet()
        _ = try await book(dog, 0)
        #expect(try await refusal { try await book(dog, 15) }?.code == .petBusy)
        _ = try await book(dog, 30)
    }

    @Test("counts the time needed after a booking as taken")
    func buffer() async throws {
        vendors.availability.withLock { availability in
            availability.capacity = 1
            for at in availability.services.indices { availability.services[at].bufferMinutes = 15 }
        }
        _ = try await book(try await pet(), 0)
        let other = try await pet()
        #expect(try await refusal { try await book(other, 30) }?.details?["reason"] == "full")
        _ = try await book(other, 45)
    }

    @Test("gives a call that is repeated its first booking, also without a key of the customer's")
    func repeatedCall() async throws {
        let dog = try await pet()
        func call(_ key: String) -> MessageContext {
            MessageContext(pattern: "create-booking", metadata: [MetadataName.idempotencyKey: key], peer: "p")
        }
        let first = try await MessageContext.$source.withValue(call("c1")) { try await book(dog, 0) }
        let again = try await MessageContext.$source.withValue(call("c1")) { try await book(dog, 0) }
        #expect(again == first)
        // Another call is another wish, and the pet is busy.
        let other = try await MessageContext.$source.withValue(call("c2")) {
            try await refusal { try await book(dog, 0) }
        }
        #expect(other?.code == .petBusy)
    }

    @Test("with a key gives the first booking back, and asks nobody again")
    func idempotency() async throws {
        let dog = try await pet()
        let first = try await book(dog, 0, key: "k1")
        let asked = vendors.calls.withLock { $0 }
        #expect(try await book(dog, 0, key: "k1") == first)
        #expect(vendors.calls.withLock { $0 } == asked)
        #expect(try await refusal { try await book(dog, 60, key: "k1") }?.code == .keyReused)
        #expect(try await bookings.listBookings(ListBookings()).items.count == 1)
    }

    @Test("does not save when its caller's time is over")
    func deadline() async throws {
        let dog = try await pet()
        let late = MessageContext(pattern: "p", peer: "test", deadline: .after(.seconds(-1)))
        let error = try await refusal { try await MessageContext.$source.withValue(late) { try await book(dog, 0) } }
        #expect(error?.code == .deadlineExceeded)
        #expect(try await bookings.listBookings(ListBookings()).items.isEmpty)
    }

    @Test("keeps what was written about it for two years after its end, and itself for good")
    func retention() async throws {
        let pet = try await pet()
        func noted(_ minutes: Int) async throws -> Booking {
            try await bookings.createBooking(
                CreateBooking(
                    customerId: 5, vendorId: 1, serviceId: 1, petId: pet, start: at(minutes), notes: "limps a little"))
        }
        let cancelled = try await noted(0)
        _ = try await bookings.updateBookingStatus(
            UpdateBookingStatus(id: cancelled.id, to: .cancelled, actor: .customer, reason: "my dog died"))
        let later = try await noted(60)
        let rule = try #require(BookingModule.retention.first)
        // The bookings end at 30 and 90 minutes.
        let twoYears = Duration.seconds(730 * 24 * 3600)
        #expect(try await rule.apply(to: database, at: at(29) + twoYears) == 0)
        #expect(try await rule.apply(to: database, at: at(30) + twoYears) == 1)
        let cleared = try await bookings.getBooking(GetBooking(id: cancelled.id))
        #expect(cleared.notes == nil && cleared.cancel == Cancellation(by: "customer", reason: ""))
        #expect(cleared.status == .cancelled && cleared.history.count == 2)
        #expect(try await bookings.getBooking(GetBooking(id: later.id)).notes == "limps a little")
    }

    @Test("that nobody confirmed is cancelled at its start, and its place is free")
    func expiry() async throws {
        vendors.availability.withLock { $0.capacity = 1 }
        let dog = try await pet()
        let other = try await pet()
        let booking = try await book(dog, 0)
        #expect(try await refusal { try await book(other, 0) }?.details?["reason"] == "full")
        time.set(noon - .milliseconds(1))
        #expect(try await bookings.cancelExpired() == 0)
        time.set(noon)
        #expect(try await bookings.cancelExpired() == 1)
        let cancelled = try await bookings.getBooking(GetBooking(id: booking.id))
        #expect(cancelled.status == .cancelled && cancelled.cancel == Cancellation(by: "system", reason: "expired"))
        #expect(cancelled.version == 2 && cancelled.history.count == 2)
        // Its place is free: nothing is taken of the vendor's time, and its pet may be elsewhere.
        time.set(at(-600))
        _ = try await book(other, 0)
        #expect(try await refusal { try await book(dog, 0) }?.details?["reason"] == "full")
    }

    @Test("changes only at the version the caller saw")
    func versions() async throws {
        let booking = try await book(try await pet(), 0)
        let confirmed = try await bookings.updateBookingStatus(
            UpdateBookingStatus(id: booking.id, to: .confirmed, expectedVersion: 1, actor: .vendor))
        #expect(confirmed.status == .confirmed && confirmed.version == 2)
        let error = try await refusal {
            try await bookings.updateBookingStatus(
                UpdateBookingStatus(id: booking.id, to: .cancelled, expectedVersion: 1, actor: .customer))
        }
        #expect(error?.code == .staleVersion)
    }

    @Test("shows the free starts of a day with the places left")
    func slots() async throws {
        _ = try await book(try await pet(), 0)
        let availability = try await bookings.checkAvailability(
            CheckAvailability(vendorId: 1, serviceId: 1, date: LocalDate(daysSinceEpoch: 0)))
        #expect(availability.slots.count == 19)
        #expect(availability.slots[0] == Slot(start: at(0), end: at(30), remaining: 1))
        #expect(availability.slots[1].remaining == 1 && availability.slots[2].remaining == 2)
    }

    @Test("flags the future bookings of a vendor that is suspended, once per event")
    func flags() async throws {
        let booking = try await book(try await pet(), 0)
        let event = EventEnvelope<VendorStatusChanged>(
            eventId: "e1", type: "vendor.status-changed", occurredAt: noon,
            data: VendorStatusChanged(vendorId: 1, from: .active, to: .suspended))
        try await bookings.vendorStatusChanged(event)
        #expect(try await bookings.getBooking(GetBooking(id: booking.id)).flagged)
        var back = event
        back.data.to = .active
        // The same event again, whatever it says now, has no effect.
        try await bookings.vendorStatusChanged(back)
        #expect(try await bookings.getBooking(GetBooking(id: booking.id)).flagged)
    }

    @Test("is flagged if its vendor's suspension arrived before it, and loses the flag like the others")
    func flaggedLater() async throws {
        func tell(_ id: String, _ to: VendorStatus) async throws {
            try await bookings.vendorStatusChanged(
                EventEnvelope<VendorStatusChanged>(
                    eventId: id, type: "vendor.status-changed", occurredAt: noon,
                    data: VendorStatusChanged(vendorId: 1, from: .active, to: to)))
        }
        try await tell("e1", .suspended)
        try await tell("e2", .inactive)
        let booking = try await book(try await pet(), 0)
        #expect(try await bookings.getBooking(GetBooking(id: booking.id)).flagged)
        try await tell("e3", .active)
        #expect(try await !bookings.getBooking(GetBooking(id: booking.id)).flagged)
    }

    @Test("takes the person out of bookings when the account is deleted")
    func anonymised() async throws {
        let dog = try await bookings.createPet(
            CreatePet(ownerId: 5, name: "Biscuit", species: .dog, breed: "Beagle", notes: "bites"))
        _ = try await bookings.createBooking(
            CreateBooking(
                customerId: 5, vendorId: 1, serviceId: 1, petId: dog.id, start: noon, notes: "ring twice",
                idempotencyKey: "k"))
        let other = try await book(dog.id, 60)
        _ = try await bookings.updateBookingStatus(
            UpdateBookingStatus(id: other.id, to: .cancelled, actor: .customer, reason: "my dog died"))
        try await bookings.userDeleted(
            EventEnvelope<UserDeleted>(
                eventId: "e", type: "user.deleted", occurredAt: noon, data: UserDeleted(userId: 5)))
        let pet = try await bookings.listPets(ListPets(ownerId: 5)).items[0]
        #expect(pet.name == "-" && pet.breed == nil && pet.notes == nil)
        let kept = try await bookings.listBookings(ListBookings(customerId: 5)).items
        #expect(kept.allSatisfy { $0.notes == nil } && kept.map { $0.cancel?.reason } == ["", nil])
        let rows = try await database.read { transaction in
            "\(try transaction.table("SELECT * FROM bookings")) \(try transaction.table("SELECT * FROM idempotency"))"
                + "\(try transaction.table("SELECT * FROM pets"))"
        }
        for word in ["Biscuit", "Beagle", "bites", "ring twice", "my dog died"] { #expect(!rows.contains(word)) }
    }

    @Test(
        "of a vendor that is hidden is refused as if there were none",
        arguments: [VendorStatus.pendingApproval, .rejected])
    func hidden(_ status: VendorStatus) async throws {
        let dog = try await pet()
        vendors.availability.withLock { $0.status = status }
        #expect(try await refusal { try await book(dog, 0) }?.code == .vendorNotFound)
        let asked = try await refusal {
            try await bookings.checkAvailability(
                CheckAvailability(vendorId: 1, serviceId: 1, date: LocalDate(daysSinceEpoch: 0)))
        }
        #expect(asked?.code == .vendorNotFound)
    }

    @Test(
        "in a far future is refused like any that the vendor does not take",
        arguments: [253_402_300_799_999, 253_402_387_140_000])
    func farFuture(_ milliseconds: Int64) async throws {
        let dog = try await pet()
        let error = try await refusal {
            try await bookings.createBooking(
                CreateBooking(
                    customerId: 5, vendorId: 1, serviceId: 1, petId: dog, start: Instant(milliseconds: milliseconds)))
        }
        #expect(error?.details?["reason"] == "outside_hours")
    }

    @Test("has a reference that no other has, another one should it be taken")
    func references() async throws {
        let (first, second) = (try await pet(), try await pet())
        names.next.withLock { $0 = ["aaaaaaaaaaaaaaaaaaaa", "b", "c", "e1"] }
        let one = try await book(first, 0)
        names.next.withLock { $0 = ["aaaaaaaaaaaaaaaaaaaa", "dddddddddddddddddddd", "c", "e2"] }
        let other = try await book(second, 0)
        #expect(one.reference == "PP-AAAAAAAAAAAAAAAA" && other.reference == "PP-DDDDDDDDDDDDDDDD")
        names.next.withLock { $0 = Array(repeating: "aaaaaaaaaaaaaaaaaaaa", count: 3) + ["e3"] }
        #expect(try await refusal { try await book(first, 60) }?.code == .overloaded)
        #expect(try await bookings.listBookings(ListBookings()).items.count == 2)
    }

    @Test("is one of at most 100 of a customer's that are not over yet")
    func openBookings() async throws {
        vendors.availability.withLock { $0.capacity = 200 }
        var pets: [Int] = []
        for _ in 0..<Holdings.pets { pets.append(try await pet()) }
        for pet in pets {
            _ = try await book(pet, 0)
            _ = try await book(pet, 60)
        }
        #expect(try await refusal { try await book(pets[0], 120) }?.code == .limitReached)
        let open = try await bookings.listBookings(ListBookings(customerId: 5, limit: 1)).items[0]
        _ = try await bookings.updateBookingStatus(
            UpdateBookingStatus(id: open.id, to: .cancelled, actor: .customer))
        _ = try await book(pets[0], 120)
    }

    @Test(
        "finds its rows by an index, however it is asked for",
        .enabled(if: Database.testServer == nil, "looks at SQLite's plans"))
    func plans() async throws {
        for request in [
            ListBookings(customerId: 5), ListBookings(customerId: 5, status: .pending, before: 9),
            ListBookings(vendorId: 1), ListBookings(vendorId: 1, before: 9), ListBookings(status: .pending),
            ListBookings(before: 9),
        ] {
            let (sql, values) = Transaction.listing(request)
            let plan = try await database.plan(sql, values)
            #expect(plan.contains("SEARCH") && !plan.contains("SCAN") && !plan.contains("TEMP B-TREE"), "\(plan)")
        }
        for (sql, values) in [
            (Transaction.occupied, [1, 2, 1, 3, 4]), (Transaction.occupiedCount, [1, 2, 1, 3, 4]),
            (Transaction.petBusy, [1, 2, 3, 4]),
        ] {
            let plan = try await database.plan(sql, values)
            #expect(!plan.contains("SCAN"), "\(plan)")
            #expect(plan.contains("SEARCH") && plan.contains("start_at>? AND start_at<?"), "\(plan)")
        }
        // An admin's whole list is read in its own order, from its end.
        let (sql, values) = Transaction.listing(ListBookings())
        #expect(try await database.plan(sql, values) == "SCAN bookings")
    }

    @Test("of the longest kind, which began hours ago, still takes its place")
    func longestOccupation() async throws {
        vendors.availability.withLock { availability in
            availability.capacity = 1
            availability.windows = [TimeWindow(start: at(-900), end: at(900))]
            availability.services[0].durationMinutes = 720
            availability.services[0].bufferMinutes = 240
        }
        time.set(at(-1000))
        let (first, second) = (try await pet(), try await pet())
        _ = try await book(first, -715)
        #expect(try await refusal { try await book(second, 240, service: 2) }?.details?["reason"] == "full")
        #expect(try await refusal { try await book(first, 0, service: 2) }?.code == .petBusy)
        _ = try await book(second, 245, service: 2)
    }
}

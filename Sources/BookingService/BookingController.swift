public import PetProContracts
public import PetProRuntime
public import PetProStorage
import Rookery

/// The Booking service's commands.
public struct BookingController: BookingAPI {
    let database: Database
    private let vendors: any VendorAPI
    let environment: ServiceEnvironment

    /// The schema of the service's database.
    public static var migrations: [Migration] { BookingSchema.migrations }

    /// Makes the service, which asks `vendors` about their rules.
    public init(
        database: Database, vendors: some VendorAPI, environment: ServiceEnvironment = ServiceEnvironment()
    ) {
        self.database = database
        self.vendors = vendors
        self.environment = environment
    }

    /// A booking.
    public func getBooking(_ request: GetBooking) async throws -> Booking {
        try await database.read { try $0.booking(id: request.id) }
    }

    /// Bookings, newest first.
    public func listBookings(_ request: ListBookings) async throws -> BookingPage {
        let items = try await database.read { try $0.bookings(request) }
        return BookingPage(items: items, next: items.count == request.limit ? items.last?.id : nil)
    }

    // MARK: Booking

    /// Books, or says why not.
    public func createBooking(_ request: CreateBooking) async throws -> Booking {
        let now = environment.now()
        let key = Self.idempotencyKey(of: request)
        // Read first what can refuse without a call.
        let (kept, pet) = try await database.read { transaction in
            (try key?.reply(in: transaction, at: now) as Booking?, try transaction.pet(id: request.petId))
        }
        if let kept { return kept }
        guard let pet, pet.ownerId == request.customerId else {
            throw RemoteError(.petNotFound, "There is no such pet.")
        }
        guard request.start > now else { throw RemoteError(.startInPast, "A booking must start in the future.") }

        // The days that vendors and JavaScript can speak of end somewhere; no horizon reaches that far.
        let start = min(request.start, now + Self.farthestHorizon)
        let availability = try await askVendor(GetVendorAvailability(vendorId: request.vendorId, at: start))
        let wish = try self.wish(request, availability, for: pet)
        if let reason = wish.refusal(at: now) { throw try await unavailable(reason, wish, at: now) }
        return try await save(wish, request, key, at: now)
    }

    /// Beyond every vendor's horizon, which is 730 days at most.
    private static let farthestHorizon: Duration = .seconds(732 * 24 * 3600)

    private static func idempotencyKey(of request: CreateBooking) -> IdempotencyKey? {
        // Without a key of its customer's, that of the call: a repetition of a call whose reply was lost is no second booking.
        guard let key = request.idempotencyKey ?? MessageContext.current?.idempotencyKey else { return nil }
        var body = request
        body.idempotencyKey = nil
        return IdempotencyKey(scope: scope(ofCustomer: request.customerId), key: key, body: body.json)
    }

    private static func scope(ofCustomer id: Int) -> String { "create-booking:\(id)" }

    private func wish(_ request: CreateBooking, _ availability: VendorAvailability, for pet: Pet) throws -> BookingWish
    {
        guard let service = availability.services.first(where: { $0.id == request.serviceId }) else {
            throw RemoteError(.serviceNotFound, "This vendor has no such service.")
        }
        guard service.species.contains(pet.species) else {
            throw RemoteError(.speciesNotServed, "\(service.name) is not offered for a \(pet.species.rawValue).")
        }
        if let expected = request.expectedPrice, expected != service.price {
            throw RemoteError(
                .priceChanged, "The price is \(service.price) now.",
                details: ["price": try JSONValue(parsing: service.price.json)])
        }
        return BookingWish(availability: availability, service: service, start: request.start)
    }

    /// The one call to Vendor. Its refusals are the caller's to know; that it cannot be reached is not the caller's fault,
    /// and nothing has been saved. A vendor that is not shown is not there.
    private func askVendor(_ request: GetVendorAvailability) async throws -> VendorAvailability {
        let availability: VendorAvailability
        do {
            availability = try await vendors.getVendorAvailability(request)
        } catch is CallError {
            throw RemoteError(.dependencyUnavailable, "The vendor service cannot be reached; nothing was booked.")
        }
        guard availability.status.allows(.show) else {
            throw RemoteError(.vendorNotFound, "There is no such vendor.")
        }
        return availability
    }

    private func unavailable(_ reason: Unavailability, _ wish: BookingWish, at now: Instant) async throws -> RemoteError
    {
        let taken = try await database.read { try Self.takenOfDay(wish, in: $0) }
        return Self.unavailable(reason, wish, taken: taken, at: now)
    }

    private static func takenOfDay(_ wish: BookingWish, in transaction: Transaction) throws -> [Interval] {
        guard let first = wish.availability.windows.first, let last = wish.availability.windows.last else { return [] }
        // A service may still take up a place after closing time, for as long as its buffer.
        let span = Interval(start: first.start, end: last.end + .seconds(4 * 3600))
        return try transaction.occupied(ofVendor: wish.availability.vendorId, within: span)
    }

    private static func unavailable(
        _ reason: Unavailability, _ wish: BookingWish, taken: [Interval], at now: Instant
    ) -> RemoteError {
        let alternatives = wish.alternatives(taken: taken, at: now).map { JSONValue.string($0.start.description) }
        return RemoteError(
            .vendorUnavailable, "The vendor is not available at that time.",
            details: ["reason": .string(reason.rawValue), "alternatives": .array(alternatives)])
    }

    /// Decides on occupancy and saves, in one write transaction: of two requests for the last place one gets it.
    private func save(
        _ wish: BookingWish, _ request: CreateBooking, _ key: IdempotencyKey?, at now: Instant
    ) async throws -> Booking {
        // 64 random bits, and others should they be taken.
        let references = (0..<3).map { _ in "PP-" + environment.uniqueID().prefix(16).uppercased() }
        let eventId = environment.uniqueID()
        return try await database.write { transaction in
            if let kept: Booking = try key?.reply(in: transaction, at: now) { return kept }
            let span = Interval(start: wish.start, end: wish.end)
            if try transaction.isPetBusy(request.petId, within: span) {
                throw RemoteError(.petBusy, "This pet has another booking at that time.")
            }
            let taken = try transaction.occupied(ofVendor: request.vendorId, within: wish.occupied)
            let concurrency = Occupancy.maximumConcurrency(of: taken, within: wish.occupied)
            guard concurrency < wish.availability.capacity else {
                throw Self.unavailable(.full, wish, taken: try Self.takenOfDay(wish, in: transaction), at: now)
            }
            guard try transaction.openBookings(ofCustomer: request.customerId) < Holdings.openBookings else {
                throw Self.limitReached(Holdings.openBookings, "bookings that are not over yet")
            }
            let booking = try transaction.insertBooking(wish, request, references: references, at: now)
            try key?.keep(booking, in: transaction, at: now)
            try transaction.publish(
                .bookingCreated,
                BookingCreated(
                    bookingId: booking.id, vendorId: booking.vendorId, serviceId: booking.serviceId,
                    start: booking.start, end: booking.end, status: booking.status), about: "booking-\(booking.id)",
                at: now, id: eventId)
            return booking
        }
    }

    /// The free starts of a day.
    public func checkAvailability(_ request: CheckAvailability) async throws -> Availability {
        let now = environment.now()
        let availability = try await askVendor(
            GetVendorAvailability(vendorId: request.vendorId, date: request.date))
        guard let service = availability.services.first(where: { $0.id == request.serviceId }) else {
            throw RemoteError(.serviceNotFound, "This vendor has no such service.")
        }
        let slots: [Slot] = try await database.read { transaction in
            guard let first = availability.windows.first else { return [] }
            let wish = BookingWish(availability: availability, service: service, start: first.start)
            let taken = try Self.takenOfDay(wish, in: transaction)
            return BookingWish.slots(availability, service, taken: taken, at: now)
        }
        return Availability(
            vendorId: request.vendorId, serviceId: request.serviceId, date: request.date, slots: slots)
    }

    // MARK: States

    /// Moves a booking to another state.
    public func updateBookingStatus(_ request: UpdateBookingStatus) async throws -> Booking {
        let now = environment.now()
        let eventId = environment.uniqueID()
        return try await database.write { transaction in
            let booking = try transaction.booking(id: request.id)
            if let expected = request.expectedVersion, expected != booking.version {
                throw RemoteError(.staleVersion, "The booking was changed in the meantime.")
            }
            try BookingTransition.check(booking, to: request.to, by: request.actor, at: now)
            let actor = request.actor.rawValue
            let cancel = request.to == .cancelled ? Cancellation(by: actor, reason: request.reason ?? "") : nil
            return try Self.move(booking, to: request.to, by: actor, cancel: cancel, in: transaction, at: now, eventId)
        }
    }

    private static func move(
        _ booking: Booking, to status: BookingStatus, by actor: String, cancel: Cancellation?,
        in transaction: Transaction, at now: Instant, _ eventId: String
    ) throws -> Booking {
        let moved = try transaction.move(booking, to: status, by: actor, cancel: cancel, at: now)
        try transaction.publish(
            .bookingStatusChanged,
            BookingStatusChanged(
                bookingId: booking.id, vendorId: booking.vendorId, from: booking.status, to: status),
            about: "booking-\(booking.id)", at: now, id: eventId)
        return moved
    }

    /// Cancels bookings that were not confirmed before their start; gives how many.
    public func cancelExpired() async throws -> Int {
        let now = environment.now()
        let environment = self.environment
        return try await database.write { transaction in
            let expired = try transaction.unconfirmedBookings(startedBy: now)
            for booking in expired {
                let cancel = Cancellation(by: "system", reason: "expired")
                _ = try Self.move(
                    booking, to: .cancelled, by: "system", cancel: cancel, in: transaction, at: now,
                    environment.uniqueID())
            }
            return expired.count
        }
    }

    // MARK: Pets

    /// Enters a pet.
    public func createPet(_ request: CreatePet) async throws -> Pet {
        // Where the day is the farthest on, it is 14 hours later than in UTC.
        let today = Int((environment.now() + .seconds(14 * 3600)).milliseconds / 86_400_000)
        if let date = request.birthDate, date.daysSinceEpoch > today {
            throw RemoteError(
                InvalidPayload(violations: [
                    Violation(path: "birthDate", constraint: "range", message: "must not be in the future")
                ]))
        }
        return try await database.write { transaction in
            guard try transaction.petCount(ofOwner: request.ownerId) < Holdings.pets else {
                throw Self.limitReached(Holdings.pets, "pets")
            }
            return try transaction.insertPet(request)
        }
    }

    private static func limitReached(_ limit: Int, _ what: String) -> RemoteError {
        RemoteError(.limitReached, "An account has at most \(limit) \(what).", details: ["limit": .int(Int64(limit))])
    }

    /// An owner's pets, by id.
    public func listPets(_ request: ListPets) async throws -> PetPage {
        let items = try await database.read { try $0.pets(request) }
        return PetPage(items: items, next: items.count == request.limit ? items.last?.id : nil)
    }

    // MARK: Events

    /// Takes the person out of the bookings that stay: names, breeds and notes go, numbers remain.
    public func userDeleted(_ event: UserDeletedEvent) async throws {
        let now = environment.now()
        try await database.write { transaction in
            guard try transaction.isFirst(eventId: event.eventId, at: now) else { return }
            try transaction.execute(
                "UPDATE bookings SET notes = NULL, cancel = json_set(cancel, '$.reason', '') WHERE customer_id = ?",
                event.data.userId)
            // Replies that were kept have the notes in them too.
            try IdempotencyKey.forget(scope: Self.scope(ofCustomer: event.data.userId), in: transaction)
            try transaction.execute(
                "UPDATE pets SET name = '-', breed = NULL, birth_date = NULL, notes = NULL WHERE owner_id = ?",
                event.data.userId)
        }
    }

    /// Flags a vendor's future bookings when it is no longer active, and takes the flags away when it is again.
    public func vendorStatusChanged(_ event: VendorStatusChangedEvent) async throws {
        let now = environment.now()
        try await database.write { transaction in
            guard try transaction.isFirst(eventId: event.eventId, at: now) else { return }
            try transaction.execute(
                """
                UPDATE bookings SET flagged = ?
                WHERE vendor_id = ? AND start_at > ? AND status IN ('pending', 'confirmed')
                """, event.data.to != .active, event.data.vendorId, now)
        }
    }
}

public import PetProContracts
public import PetProRuntime
public import PetProStorage
import Rookery

/// Handles the commands and events of the Booking service.
public struct BookingController: BookingAPI {
    let database: Database
    private let vendors: any VendorAPI
    let environment: ServiceEnvironment

    /// The migrations of the service's database.
    public static var migrations: [Migration] { BookingSchema.migrations }

    /// Makes the service. It asks `vendors` for the rules of each vendor.
    public init(
        database: Database, vendors: some VendorAPI, environment: ServiceEnvironment = ServiceEnvironment()
    ) {
        self.database = database
        self.vendors = vendors
        self.environment = environment
    }

    /// Returns a booking. Throws `BOOKING_NOT_FOUND`.
    public func getBooking(_ request: GetBooking) async throws -> Booking {
        try await database.read { try $0.booking(id: request.id) }
    }

    /// Lists bookings, newest first.
    public func listBookings(_ request: ListBookings) async throws -> BookingPage {
        let items = try await database.read { try $0.bookings(request) }
        return BookingPage(items: items, next: items.count == request.limit ? items.last?.id : nil)
    }

    // MARK: Booking

    /// Creates a booking. A repetition with the same idempotency key returns the same booking.
    ///
    /// Throws the errors of ``PetProContracts/BookingAPI/createBooking(_:)``, and `DEPENDENCY_UNAVAILABLE` when Vendor
    /// cannot be reached.
    public func createBooking(_ request: CreateBooking) async throws -> Booking {
        let now = environment.now()
        let key = Self.idempotencyKey(of: request)
        // First the checks that need no call.
        let (kept, pet) = try await database.read { transaction in
            try transaction.expectAll([key?.replyQuery(in: transaction, at: now), Transaction.petQuery(request.petId)])
            return (
                try key?.reply(in: transaction, at: now) as Booking?, try transaction.petForBooking(id: request.petId)
            )
        }
        if let kept { return kept }
        guard let pet, pet.ownerId == request.customerId else {
            throw RemoteError(.petNotFound, "There is no such pet.")
        }
        guard request.start > now else { throw RemoteError(.startInPast, "A booking must start in the future.") }

        // Vendor and JavaScript cannot represent every distant day. No vendor's horizon reaches this one.
        let start = min(request.start, now + Self.farthestHorizon)
        let availability = try await askVendor(GetVendorAvailability(vendorId: request.vendorId, at: start))
        let wish = try self.wish(request, availability, for: pet.species)
        if let reason = wish.refusal(at: now) { throw try await unavailable(reason, wish, at: now) }
        return try await save(wish, request, key, at: now)
    }

    /// Longer than every vendor's horizon, which is at most 730 days.
    private static let farthestHorizon: Duration = .seconds(732 * 24 * 3600)

    private static func idempotencyKey(of request: CreateBooking) -> IdempotencyKey? {
        // Without a key from the customer, use the key of the call. So a repetition after a lost reply makes no second
        // booking.
        guard let key = request.idempotencyKey ?? MessageContext.current?.idempotencyKey else { return nil }
        var body = request
        body.idempotencyKey = nil
        return IdempotencyKey(
            scope: "create-booking:\(request.customerId)", key: key, body: body.json, subject: request.customerId)
    }

    private func wish(_ request: CreateBooking, _ availability: VendorAvailability, for species: Species) throws
        -> BookingWish
    {
        guard let service = availability.services.first(where: { $0.id == request.serviceId }) else {
            throw RemoteError(.serviceNotFound, "This vendor has no such service.")
        }
        guard service.species.contains(species) else {
            throw RemoteError(.speciesNotServed, "\(service.name) is not offered for a \(species.rawValue).")
        }
        if let expected = request.expectedPrice, expected != service.price {
            throw RemoteError(
                .priceChanged, "The price is \(service.price) now.",
                details: ["price": try JSONValue(parsing: service.price.json)])
        }
        return BookingWish(availability: availability, service: service, start: request.start)
    }

    /// Makes the only call to Vendor, before anything is saved.
    ///
    /// Vendor's refusals go to the caller unchanged. Throws `DEPENDENCY_UNAVAILABLE` when the call fails, and
    /// `VENDOR_NOT_FOUND` for a hidden vendor.
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
        // After closing time, a booking may still occupy a place for its buffer, at most 4 hours.
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

    /// Checks occupancy and saves the booking in one write transaction, so that only one of two requests gets the last
    /// place.
    private func save(
        _ wish: BookingWish, _ request: CreateBooking, _ key: IdempotencyKey?, at now: Instant
    ) async throws -> Booking {
        // 64 random bits each. The other two are used if the first one is taken.
        let references = (0..<3).map { _ in "PP-" + environment.uniqueID().prefix(16).uppercased() }
        let eventId = environment.uniqueID()
        let readAhead = Transaction.bookingReadAhead(wish, request, key, references: references, at: now)
        return try await database.write(readAhead) { transaction in
            if let kept: Booking = try key?.reply(in: transaction, at: now) { return kept }
            let span = Interval(start: wish.start, end: wish.end)
            if try transaction.isPetBusy(request.petId, within: span) {
                throw RemoteError(.petBusy, "This pet has another booking at that time.")
            }
            guard
                try transaction.hasPlace(
                    ofVendor: request.vendorId, capacity: wish.availability.capacity, within: wish.occupied)
            else {
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

    /// Lists the free start times of a day. Throws `VENDOR_NOT_FOUND`, `SERVICE_NOT_FOUND`, and
    /// `DEPENDENCY_UNAVAILABLE` when Vendor cannot be reached.
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

    /// Sets the status of a booking.
    ///
    /// Throws `BOOKING_NOT_FOUND`, `STALE_VERSION`, `INVALID_TRANSITION`, and for a customer `FORBIDDEN` and
    /// `CANCELLATION_NOT_ALLOWED`.
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
                bookingId: booking.id, vendorId: booking.vendorId, from: booking.status, to: status,
                serviceId: booking.serviceId, start: booking.start, end: booking.end),
            about: "booking-\(booking.id)", at: now, id: eventId)
        return moved
    }

    /// Cancels bookings that were not confirmed before their start, at most 100. Returns how many.
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

    /// Adds a pet. Throws `LIMIT_REACHED`, and `INVALID_PAYLOAD` for a birth date in the future.
    public func createPet(_ request: CreatePet) async throws -> Pet {
        // The earliest time zone is 14 hours ahead of UTC.
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

    /// Lists an owner's pets by id.
    public func listPets(_ request: ListPets) async throws -> PetPage {
        let items = try await database.read { try $0.pets(request) }
        return PetPage(items: items, next: items.count == request.limit ? items.last?.id : nil)
    }

    // MARK: Events

    /// Removes the personal data of a deleted account: notes and reasons of bookings, and the details of pets. The
    /// bookings and pets themselves stay.
    public func userDeleted(_ event: EventEnvelope<UserDeleted>) async throws {
        let now = environment.now()
        try await database.receive(event, at: now) { transaction in
            try transaction.erasePerson(event.data.userId)
            try transaction.noteErasure(of: event.data.userId, at: now)
        }
    }

    /// Flags a vendor's future bookings when the vendor stops being active. Removes the flags when it is active again.
    public func vendorStatusChanged(_ event: EventEnvelope<VendorStatusChanged>) async throws {
        let now = environment.now()
        try await database.receive(event, at: now) { transaction in
            try transaction.keep(event.data)
            try transaction.execute(
                """
                UPDATE bookings SET flagged = ?
                WHERE vendor_id = ? AND start_at > ? AND status IN ('pending', 'confirmed')
                """, event.data.to != .active, event.data.vendorId, now)
        }
    }
}

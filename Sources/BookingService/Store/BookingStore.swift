import PetProContracts
import PetProStorage
import Rookery

extension Transaction {
    // MARK: Pets

    private static let petColumns = "id, owner_id, name, species, breed, birth_date, notes"

    private func pet(_ row: inout Row) throws -> Pet {
        let (id, ownerId) = (try row.int(), try row.int())
        let place = SealedRow(BookingSchema.pets, row: id, subject: ownerId)
        return Pet(
            id: id, ownerId: ownerId, name: try open(try row.stored(), "name", in: place) ?? Self.erasedName,
            species: try row.value(), breed: try open(try row.stored(), "breed", in: place),
            birthDate: try row.optionalText().flatMap { LocalDate($0) },
            notes: try open(try row.stored(), "notes", in: place))
    }

    /// The name of an erased owner's pet.
    private static let erasedName = "-"

    /// The query of ``petForBooking(id:)``.
    static func petQuery(_ id: Int) -> Query { Query("SELECT owner_id, species FROM pets WHERE id = ?", id) }

    /// Returns what decides about a booking for a pet: its owner and its species.
    func petForBooking(id: Int) throws -> (ownerId: Int, species: Species)? {
        try row(Self.petQuery(id)) { (try $0.int(), try $0.value()) }
    }

    func pets(_ request: ListPets) throws -> [Pet] {
        try rows(
            "SELECT \(Self.petColumns) FROM pets WHERE owner_id = ? AND id > ? ORDER BY id LIMIT ?", request.ownerId,
            request.after ?? 0, request.limit, read: pet)
    }

    func petCount(ofOwner id: Int) throws -> Int {
        try row("SELECT COUNT(*) FROM pets WHERE owner_id = ?", id) { try $0.int() } ?? 0
    }

    func insertPet(_ request: CreatePet) throws -> Pet {
        let id = try nextID(in: BookingSchema.pets)
        let place = SealedRow(BookingSchema.pets, row: id, subject: request.ownerId)
        try execute(
            "INSERT INTO pets (id, owner_id, name, species, breed, birth_date, notes) VALUES (?, ?, ?, ?, ?, ?, ?)", id,
            request.ownerId, try seal(request.name, "name", in: place), request.species.rawValue,
            try seal(request.breed, "breed", in: place), request.birthDate, try seal(request.notes, "notes", in: place))
        return Pet(
            id: id, ownerId: request.ownerId, name: request.name, species: request.species, breed: request.breed,
            birthDate: request.birthDate, notes: request.notes)
    }

    // MARK: Bookings

    private static let bookingColumns = """
        id, reference, customer_id, vendor_id, service_id, pet_id, start_at, end_at, service_name, price,
        duration_minutes, notes, status, version, cancelled_by, cancel_reason, flagged, history, created_at
        """

    private func booking(_ row: inout Row) throws -> Booking {
        let (id, reference, customerId) = (try row.int(), try row.text(), try row.int())
        let place = SealedRow(BookingSchema.bookings, row: id, subject: customerId)
        var booking = Booking(
            id: id, reference: reference, customerId: customerId, vendorId: try row.int(),
            serviceId: try row.int(), petId: try row.int(), start: try row.instant(), end: try row.instant(),
            serviceName: try row.text(), price: try row.json(), durationMinutes: try row.int(),
            notes: try open(try row.stored(), "notes", in: place), status: try row.value(), version: try row.int(),
            cancel: nil, flagged: false, history: [], createdAt: .init(milliseconds: 0))
        let (cancelledBy, reason) = (try row.optionalText(), try row.stored())
        booking.cancel = try cancelledBy.map {
            Cancellation(by: $0, reason: try open(reason, "cancel_reason", in: place) ?? "")
        }
        booking.flagged = try row.bool()
        booking.history = try row.json()
        booking.createdAt = try row.instant()
        return booking
    }

    /// Returns a booking. Throws `BOOKING_NOT_FOUND`.
    func booking(id: Int) throws -> Booking {
        let found = try row("SELECT \(Self.bookingColumns) FROM bookings WHERE id = ?", id, read: booking)
        guard let found else { throw RemoteError(.bookingNotFound, "There is no such booking.") }
        return found
    }

    func bookings(_ request: ListBookings) throws -> [Booking] {
        let (sql, values) = Self.listing(request)
        return try rows(sql, values, read: booking)
    }

    static func listing(_ request: ListBookings) -> (sql: String, values: [any SQLConvertible]) {
        var conditions = Conditions()
        conditions.add("customer_id = ?", request.customerId)
        conditions.add("vendor_id = ?", request.vendorId)
        conditions.add("status = ?", request.status?.rawValue)
        conditions.add("id < ?", request.before)
        return (
            "SELECT \(bookingColumns) FROM bookings \(conditions.sql) ORDER BY id DESC LIMIT ?",
            conditions.values(and: request.limit)
        )
    }

    /// The longest time that a booking can occupy a place: the longest service and the longest buffer.
    static let longestOccupation: Duration = .seconds((720 + 240) * 60)

    /// Skips bookings that started earlier than the span's start minus the vendor's longest open booking: they have ended. This keeps
    /// the scan of the index short.
    private static let occupying = """
        FROM bookings
        WHERE vendor_id + 0 = ? AND status IN ('pending', 'confirmed', 'in_progress') AND start_at > ? - COALESCE((
                SELECT occupied_until - start_at FROM bookings
                WHERE vendor_id = ? AND status IN ('pending', 'confirmed', 'in_progress')
                ORDER BY occupied_until - start_at DESC LIMIT 1
            ), 0) AND start_at < ? AND occupied_until > ?
        """

    static let occupied = "SELECT start_at, occupied_until \(occupying)"
    static let occupiedCount = "SELECT COUNT(*) \(occupying)"

    /// Returns the intervals that bookings of a vendor occupy within a span.
    func occupied(ofVendor id: Int, within span: Interval) throws -> [Interval] {
        try rows(Query(Self.occupied, id, span.start, id, span.end, span.start)) {
            Interval(start: try $0.instant(), end: try $0.instant())
        }
    }

    private static func occupiedCountQuery(ofVendor id: Int, within span: Interval) -> Query {
        Query(occupiedCount, id, span.start, id, span.end, span.start)
    }

    /// Returns whether the bookings of a vendor leave a place free for the whole of a span.
    func hasPlace(ofVendor id: Int, capacity: Int, within span: Interval) throws -> Bool {
        // Usually they are fewer than the places, at whatever times. To read all of them would take longer than the rest.
        let count = try row(Self.occupiedCountQuery(ofVendor: id, within: span)) { try $0.int() } ?? 0
        if count < capacity { return true }
        return Occupancy.maximumConcurrency(of: try occupied(ofVendor: id, within: span), within: span) < capacity
    }

    private static func openBookingsQuery(ofCustomer id: Int) -> Query {
        Query(
            """
            SELECT COUNT(*) FROM bookings
            WHERE customer_id = ? AND status IN ('pending', 'confirmed', 'in_progress')
            """, id)
    }

    /// Returns how many open bookings a customer has.
    func openBookings(ofCustomer id: Int) throws -> Int {
        try row(Self.openBookingsQuery(ofCustomer: id)) { try $0.int() } ?? 0
    }

    static let petBusy = """
        SELECT 1 FROM bookings
        WHERE pet_id = ? AND status IN ('pending', 'confirmed', 'in_progress')
            AND start_at > ? AND start_at < ? AND end_at > ? LIMIT 1
        """

    private static func petBusyQuery(_ id: Int, within span: Interval) -> Query {
        Query(petBusy, id, span.start - longestOccupation, span.end, span.start)
    }

    func isPetBusy(_ id: Int, within span: Interval) throws -> Bool {
        try exists(Self.petBusyQuery(id, within: span))
    }

    /// What decides about a booking, and what its row needs. Bookings of other vendors and other customers change nothing of it: a
    /// pet has one owner, and a key is a customer's. No two of them have the same reference, which is unique.
    static func bookingReadAhead(
        _ wish: BookingWish, _ request: CreateBooking, _ key: IdempotencyKey?, references: [String], at now: Instant
    ) -> ReadAhead {
        ReadAhead(of: ["vendor-\(request.vendorId)", "customer-\(request.customerId)"]) { transaction in
            [
                key?.replyQuery(in: transaction, at: now), takenQuery(references),
                petBusyQuery(request.petId, within: Interval(start: wish.start, end: wish.end)),
                occupiedCountQuery(ofVendor: request.vendorId, within: wish.occupied),
                openBookingsQuery(ofCustomer: request.customerId), transaction.nextIDQuery(in: BookingSchema.bookings),
            ] + transaction.sealingQueries(request.customerId)
        }
    }

    /// Inserts a booking under the first of at most three references that is free. Throws `OVERLOADED` when none is.
    ///
    /// The row is flagged if an event said that the vendor is not active. The returned booking is not, because the vendor's terms,
    /// which were read before, say that it is.
    func insertBooking(_ wish: BookingWish, _ request: CreateBooking, references: [String], at now: Instant) throws
        -> Booking
    {
        let history = [BookingStep(status: .pending, at: now, by: BookingActor.customer.rawValue)]
        let taken = try rows(Self.takenQuery(references)) { try $0.text() }
        guard let reference = references.first(where: { !taken.contains($0) }) else {
            throw RemoteError(.overloaded, "No reference is free.", details: ["retryAfterMs": 100])
        }
        let id = try nextID(in: BookingSchema.bookings)
        let place = SealedRow(BookingSchema.bookings, row: id, subject: request.customerId)
        // The kept reply needs the key too, behind the insert.
        try prepareSealing(for: request.customerId)
        try executeLater(
            """
            INSERT INTO bookings (id, reference, customer_id, vendor_id, service_id, pet_id, start_at, end_at,
                occupied_until, service_name, price, duration_minutes, notes, status, history, created_at,
                flagged)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'pending', ?, ?,
                CASE WHEN EXISTS (SELECT 1 FROM inactive_vendors WHERE vendor_id = ?)
                    THEN 1 ELSE 0 END)
            """,
            id, reference, request.customerId, request.vendorId, request.serviceId, request.petId, wish.start,
            wish.end, wish.occupied.end, wish.service.name, wish.service.price.json,
            wish.service.durationMinutes, try seal(request.notes, "notes", in: place), history.json, now,
            request.vendorId)
        return Booking(
            id: id, reference: reference, customerId: request.customerId, vendorId: request.vendorId,
            serviceId: request.serviceId, petId: request.petId, start: wish.start, end: wish.end,
            serviceName: wish.service.name, price: wish.service.price,
            durationMinutes: wish.service.durationMinutes, notes: request.notes, status: .pending, version: 1,
            cancel: nil, flagged: false, history: history, createdAt: now)
    }

    /// The query for those of three references that bookings have.
    private static func takenQuery(_ references: [String]) -> Query {
        func at(_ place: Int) -> String { place < references.count ? references[place] : "" }
        return Query("SELECT reference FROM bookings WHERE reference IN (?, ?, ?)", at(0), at(1), at(2))
    }

    /// Sets the status of a booking and adds a step to its history. Returns the changed booking.
    func move(_ booking: Booking, to status: BookingStatus, by actor: String, cancel: Cancellation?, at now: Instant)
        throws
        -> Booking
    {
        var moved = booking
        moved.status = status
        moved.version += 1
        moved.history.append(BookingStep(status: status, at: now, by: actor))
        moved.cancel = cancel ?? booking.cancel
        try execute(
            "UPDATE bookings SET status = ?, version = ?, history = ? WHERE id = ?", status.rawValue, moved.version,
            moved.history.json, booking.id)
        if let cancel {
            let place = SealedRow(BookingSchema.bookings, row: booking.id, subject: booking.customerId)
            let reason = cancel.reason.isEmpty ? nil : cancel.reason
            try execute(
                "UPDATE bookings SET cancelled_by = ?, cancel_reason = ? WHERE id = ?", cancel.by,
                try sealUnlessErased(reason, "cancel_reason", in: place), booking.id)
        }
        return moved
    }

    /// Erases what a person's pets and bookings say about the person. The pets and bookings stay.
    func erasePerson(_ id: Int) throws {
        try execute("UPDATE bookings SET notes = NULL, cancel_reason = NULL WHERE customer_id = ?", id)
        try execute(
            "UPDATE pets SET name = ?, breed = NULL, birth_date = NULL, notes = NULL WHERE owner_id = ?",
            plain(Self.erasedName), id)
    }

    func unconfirmedBookings(startedBy instant: Instant) throws -> [Booking] {
        try rows(
            "SELECT \(Self.bookingColumns) FROM bookings WHERE status = 'pending' AND start_at <= ? LIMIT 100", instant,
            read: booking)
    }
}

import PetProContracts
import PetProStorage
import Rookery

extension Transaction {
    // MARK: Pets

    private static let petColumns = "id, owner_id, name, species, breed, birth_date, notes"

    private static func pet(_ row: inout Row) throws -> Pet {
        Pet(
            id: try row.int(), ownerId: try row.int(), name: try row.text(), species: try row.value(),
            breed: try row.optionalText(), birthDate: try row.optionalText().flatMap { LocalDate($0) },
            notes: try row.optionalText())
    }

    func pet(id: Int) throws -> Pet? {
        try row("SELECT \(Self.petColumns) FROM pets WHERE id = ?", id, read: Self.pet)
    }

    func pets(_ request: ListPets) throws -> [Pet] {
        try rows(
            "SELECT \(Self.petColumns) FROM pets WHERE owner_id = ? AND id > ? ORDER BY id LIMIT ?", request.ownerId,
            request.after ?? 0, request.limit, read: Self.pet)
    }

    func petCount(ofOwner id: Int) throws -> Int {
        try row("SELECT COUNT(*) FROM pets WHERE owner_id = ?", id) { try $0.int() } ?? 0
    }

    func insertPet(_ request: CreatePet) throws -> Pet {
        let id = try insert(
            "INSERT INTO pets (owner_id, name, species, breed, birth_date, notes) VALUES (?, ?, ?, ?, ?, ?) RETURNING id",
            request.ownerId, request.name, request.species.rawValue, request.breed, request.birthDate, request.notes)
        return Pet(
            id: id, ownerId: request.ownerId, name: request.name, species: request.species, breed: request.breed,
            birthDate: request.birthDate, notes: request.notes)
    }

    // MARK: Bookings

    private static let bookingColumns = """
        id, reference, customer_id, vendor_id, service_id, pet_id, start_at, end_at, service_name, price,
        duration_minutes, notes, status, version, cancel, flagged, history, created_at
        """

    private static func booking(_ row: inout Row) throws -> Booking {
        Booking(
            id: try row.int(), reference: try row.text(), customerId: try row.int(), vendorId: try row.int(),
            serviceId: try row.int(), petId: try row.int(), start: try row.instant(), end: try row.instant(),
            serviceName: try row.text(), price: try row.json(), durationMinutes: try row.int(),
            notes: try row.optionalText(), status: try row.value(), version: try row.int(),
            cancel: try row.optionalJSON(), flagged: try row.bool(), history: try row.json(),
            createdAt: try row.instant())
    }

    /// Returns a booking. Throws `BOOKING_NOT_FOUND`.
    func booking(id: Int) throws -> Booking {
        let found = try row("SELECT \(Self.bookingColumns) FROM bookings WHERE id = ?", id, read: Self.booking)
        guard let found else { throw RemoteError(.bookingNotFound, "There is no such booking.") }
        return found
    }

    func bookings(_ request: ListBookings) throws -> [Booking] {
        let (sql, values) = Self.listing(request)
        return try rows(sql, values, read: Self.booking)
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

    static let longest = """
        SELECT occupied_until - start_at FROM bookings
        WHERE vendor_id = ? AND status IN ('pending', 'confirmed', 'in_progress')
        ORDER BY occupied_until - start_at DESC LIMIT 1
        """

    static let occupied = """
        SELECT start_at, occupied_until FROM bookings
        WHERE vendor_id = ? AND status IN ('pending', 'confirmed', 'in_progress')
            AND start_at > ? AND start_at < ? AND occupied_until > ?
        """

    /// Returns the intervals that bookings of a vendor occupy within a span.
    func occupied(ofVendor id: Int, within span: Interval) throws -> [Interval] {
        guard let longest = try row(Self.longest, id, read: { try $0.int() }) else { return [] }
        return try rows(Self.occupied, id, span.start - .milliseconds(longest), span.end, span.start) {
            Interval(start: try $0.instant(), end: try $0.instant())
        }
    }

    /// Returns how many open bookings a customer has.
    func openBookings(ofCustomer id: Int) throws -> Int {
        try row(
            """
            SELECT COUNT(*) FROM bookings
            WHERE customer_id = ? AND status IN ('pending', 'confirmed', 'in_progress')
            """, id
        ) { try $0.int() } ?? 0
    }

    static let petBusy = """
        SELECT 1 FROM bookings
        WHERE pet_id = ? AND status IN ('pending', 'confirmed', 'in_progress')
            AND start_at > ? AND start_at < ? AND end_at > ? LIMIT 1
        """

    func isPetBusy(_ id: Int, within span: Interval) throws -> Bool {
        try exists(Self.petBusy, id, span.start - Self.longestOccupation, span.end, span.start)
    }

    /// Inserts a booking under the first reference that is free. Throws `OVERLOADED` when none is.
    func insertBooking(_ wish: BookingWish, _ request: CreateBooking, references: [String], at now: Instant) throws
        -> Booking
    {
        let history = [BookingStep(status: .pending, at: now, by: BookingActor.customer.rawValue)]
        for reference in references {
            do {
                let id = try insert(
                    """
                    INSERT INTO bookings (reference, customer_id, vendor_id, service_id, pet_id, start_at, end_at,
                        occupied_until, service_name, price, duration_minutes, notes, status, history, created_at)
                    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'pending', ?, ?)
                    RETURNING id
                    """,
                    reference, request.customerId, request.vendorId, request.serviceId, request.petId, wish.start,
                    wish.end, wish.occupied.end, wish.service.name, wish.service.price.json,
                    wish.service.durationMinutes, request.notes, history.json, now)
                return Booking(
                    id: id, reference: reference, customerId: request.customerId, vendorId: request.vendorId,
                    serviceId: request.serviceId, petId: request.petId, start: wish.start, end: wish.end,
                    serviceName: wish.service.name, price: wish.service.price,
                    durationMinutes: wish.service.durationMinutes, notes: request.notes, status: .pending, version: 1,
                    cancel: nil, flagged: false, history: history, createdAt: now)
            } catch let error as ConstraintViolated where error.message.contains("reference") {
                continue
            }
        }
        throw RemoteError(.overloaded, "No reference is free.", details: ["retryAfterMs": 100])
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
            "UPDATE bookings SET status = ?, version = ?, history = ?, cancel = ? WHERE id = ?",
            status.rawValue, moved.version, moved.history.json, moved.cancel?.json, booking.id)
        return moved
    }

    func unconfirmedBookings(startedBy instant: Instant) throws -> [Booking] {
        try rows(
            "SELECT \(Self.bookingColumns) FROM bookings WHERE status = 'pending' AND start_at <= ? LIMIT 100", instant,
            read: Self.booking)
    }
}

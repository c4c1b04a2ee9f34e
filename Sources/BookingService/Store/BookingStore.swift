import PetProContracts
import PetProStorage
import Rookery

extension Transaction {
    // MARK: Pets

    private static func pet(_ row: Row) throws -> Pet {
        Pet(
            id: try row.int("id"), ownerId: try row.int("owner_id"), name: try row.text("name"),
            species: try row.value("species"), breed: try row.optionalText("breed"),
            birthDate: try row.optionalText("birth_date").flatMap { LocalDate($0) },
            notes: try row.optionalText("notes"))
    }

    func pet(id: Int) throws -> Pet? {
        try row("SELECT * FROM pets WHERE id = ?", id).map(Self.pet)
    }

    func pets(_ request: ListPets) throws -> [Pet] {
        try rows(
            "SELECT * FROM pets WHERE owner_id = ? AND id > ? ORDER BY id LIMIT ?", request.ownerId, request.after ?? 0,
            request.limit
        ).map(Self.pet)
    }

    func petCount(ofOwner id: Int) throws -> Int {
        try row("SELECT COUNT(*) AS count FROM pets WHERE owner_id = ?", id)?.int("count") ?? 0
    }

    func insertPet(_ request: CreatePet) throws -> Pet {
        let id = try insert(
            "INSERT INTO pets (owner_id, name, species, breed, birth_date, notes) VALUES (?, ?, ?, ?, ?, ?)",
            request.ownerId, request.name, request.species.rawValue, request.breed, request.birthDate, request.notes)
        return Pet(
            id: id, ownerId: request.ownerId, name: request.name, species: request.species, breed: request.breed,
            birthDate: request.birthDate, notes: request.notes)
    }

    // MARK: Bookings

    private static func booking(_ row: Row) throws -> Booking {
        Booking(
            id: try row.int("id"), reference: try row.text("reference"), customerId: try row.int("customer_id"),
            vendorId: try row.int("vendor_id"), serviceId: try row.int("service_id"), petId: try row.int("pet_id"),
            start: try row.instant("start_at"), end: try row.instant("end_at"),
            serviceName: try row.text("service_name"), price: try row.json("price"),
            durationMinutes: try row.int("duration_minutes"), notes: try row.optionalText("notes"),
            status: try row.value("status"), version: try row.int("version"),
            cancel: try row.optionalText("cancel") == nil ? nil : row.json("cancel"), flagged: try row.bool("flagged"),
            history: try row.json("history"), createdAt: try row.instant("created_at"))
    }

    /// Throws `BOOKING_NOT_FOUND`.
    func booking(id: Int) throws -> Booking {
        guard let row = try row("SELECT * FROM bookings WHERE id = ?", id) else {
            throw RemoteError(.bookingNotFound, "There is no such booking.")
        }
        return try Self.booking(row)
    }

    func bookings(_ request: ListBookings) throws -> [Booking] {
        let (sql, values) = Self.listing(request)
        return try rows(sql, values).map(Self.booking)
    }

    static func listing(_ request: ListBookings) -> (sql: String, values: [any SQLConvertible]) {
        var conditions = Conditions()
        conditions.add("customer_id = ?", request.customerId)
        conditions.add("vendor_id = ?", request.vendorId)
        conditions.add("status = ?", request.status?.rawValue)
        conditions.add("id < ?", request.before)
        return (
            "SELECT * FROM bookings \(conditions.sql) ORDER BY id DESC LIMIT ?", conditions.values(and: request.limit)
        )
    }

    /// No booking takes up its place for longer: the longest service and the time needed after it.
    static let longestOccupation: Duration = .seconds((720 + 240) * 60)

    static let occupied = """
        SELECT start_at, occupied_until FROM bookings
        WHERE vendor_id = ? AND status IN ('pending', 'confirmed', 'in_progress')
            AND start_at > ? AND start_at < ? AND occupied_until > ?
        """

    /// What is taken of a vendor's places within a span.
    func occupied(ofVendor id: Int, within span: Interval) throws -> [Interval] {
        try rows(Self.occupied, id, span.start - Self.longestOccupation, span.end, span.start).map {
            Interval(start: try $0.instant("start_at"), end: try $0.instant("occupied_until"))
        }
    }

    /// How many bookings of a customer's are not over yet.
    func openBookings(ofCustomer id: Int) throws -> Int {
        try row(
            """
            SELECT COUNT(*) AS count FROM bookings
            WHERE customer_id = ? AND status IN ('pending', 'confirmed', 'in_progress')
            """, id)?.int("count") ?? 0
    }

    static let petBusy = """
        SELECT 1 AS one FROM bookings
        WHERE pet_id = ? AND status IN ('pending', 'confirmed', 'in_progress')
            AND start_at > ? AND start_at < ? AND end_at > ? LIMIT 1
        """

    func isPetBusy(_ id: Int, within span: Interval) throws -> Bool {
        try row(Self.petBusy, id, span.start - Self.longestOccupation, span.end, span.start) != nil
    }

    /// Inserts a booking under the first of the references that no other has.
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
                    """,
                    reference, request.customerId, request.vendorId, request.serviceId, request.petId, wish.start,
                    wish.end, wish.occupied.end, wish.service.name, wish.service.price.json,
                    wish.service.durationMinutes, request.notes, history.json, now)
                return try booking(id: id)
            } catch let error as ConstraintViolated where error.message.contains("reference") {
                continue
            }
        }
        throw RemoteError(.overloaded, "No reference is free.", details: ["retryAfterMs": 100])
    }

    /// Moves a booking on and notes it in its history; gives the booking as it is now.
    func move(_ booking: Booking, to status: BookingStatus, by actor: String, cancel: Cancellation?, at now: Instant)
        throws
        -> Booking
    {
        let history = booking.history + [BookingStep(status: status, at: now, by: actor)]
        try execute(
            "UPDATE bookings SET status = ?, version = version + 1, history = ?, cancel = ? WHERE id = ?",
            status.rawValue, history.json, (cancel ?? booking.cancel)?.json, booking.id)
        return try self.booking(id: booking.id)
    }

    func unconfirmedBookings(startedBy instant: Instant) throws -> [Booking] {
        try rows("SELECT * FROM bookings WHERE status = 'pending' AND start_at <= ? LIMIT 100", instant).map(
            Self.booking)
    }
}

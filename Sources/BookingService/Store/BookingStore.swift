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

    func pets(ofOwner id: Int) throws -> [Pet] {
        try rows("SELECT * FROM pets WHERE owner_id = ? ORDER BY id", id).map(Self.pet)
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
        try rows(
            """
            SELECT * FROM bookings
            WHERE (? IS NULL OR customer_id = ?) AND (? IS NULL OR vendor_id = ?) AND (? IS NULL OR status = ?)
                AND (? IS NULL OR id < ?)
            ORDER BY id DESC LIMIT ?
            """,
            request.customerId, request.customerId, request.vendorId, request.vendorId, request.status?.rawValue,
            request.status?.rawValue, request.before, request.before, request.limit
        ).map(Self.booking)
    }

    /// What is taken of a vendor's places within a span.
    func occupied(ofVendor id: Int, within span: Interval) throws -> [Interval] {
        try rows(
            """
            SELECT start_at, occupied_until FROM bookings
            WHERE vendor_id = ? AND status IN ('pending', 'confirmed', 'in_progress')
                AND start_at < ? AND occupied_until > ?
            """, id, span.end, span.start
        ).map { Interval(start: try $0.instant("start_at"), end: try $0.instant("occupied_until")) }
    }

    func isPetBusy(_ id: Int, within span: Interval) throws -> Bool {
        try row(
            """
            SELECT 1 AS one FROM bookings
            WHERE pet_id = ? AND status IN ('pending', 'confirmed', 'in_progress') AND start_at < ? AND end_at > ? LIMIT 1
            """, id, span.end, span.start) != nil
    }

    func insertBooking(_ wish: BookingWish, _ request: CreateBooking, reference: String, at now: Instant) throws
        -> Booking
    {
        let history = [BookingStep(status: .pending, at: now, by: BookingActor.customer.rawValue)]
        let id = try insert(
            """
            INSERT INTO bookings (reference, customer_id, vendor_id, service_id, pet_id, start_at, end_at,
                occupied_until, service_name, price, duration_minutes, notes, status, history, created_at)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'pending', ?, ?)
            """,
            reference, request.customerId, request.vendorId, request.serviceId, request.petId, wish.start, wish.end,
            wish.occupied.end, wish.service.name, wish.service.price.json, wish.service.durationMinutes, request.notes,
            history.json, now)
        return try booking(id: id)
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

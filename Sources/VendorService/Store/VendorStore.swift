import PetProContracts
import PetProStorage
import Rookery

extension Transaction {
    private func vendor(_ row: Row) throws -> Vendor {
        let id = try row.int("id")
        return Vendor(
            id: id, userId: try row.int("user_id"), businessName: try row.text("business_name"),
            type: try row.value("type"), email: try row.text("email"), phone: try row.optionalText("phone"),
            address: try row.optionalText("address"), timeZone: try row.text("time_zone"),
            currency: try row.value("currency"), capacity: try row.int("capacity"),
            leadTimeMinutes: try row.int("lead_time_minutes"), horizonDays: try row.int("horizon_days"),
            status: try row.value("status"), version: try row.int("version"), services: try services(ofVendor: id),
            hours: try hours(ofVendor: id))
    }

    /// Throws `VENDOR_NOT_FOUND`.
    func vendor(id: Int) throws -> Vendor {
        guard let row = try row("SELECT * FROM vendors WHERE id = ?", id) else {
            throw RemoteError(.vendorNotFound, "There is no such vendor.")
        }
        return try vendor(row)
    }

    func vendor(userId: Int) throws -> Vendor? {
        try row("SELECT * FROM vendors WHERE user_id = ?", userId).map(vendor)
    }

    func vendors(_ request: ListVendors) throws -> [Vendor] {
        try rows(
            """
            SELECT * FROM vendors
            WHERE id > ? AND (? IS NULL OR type = ?) AND (? IS NULL OR status = ?) ORDER BY id LIMIT ?
            """,
            request.after ?? 0, request.type?.rawValue, request.type?.rawValue, request.status?.rawValue,
            request.status?.rawValue, request.limit
        ).map(vendor)
    }

    func insertVendor(_ request: CreateVendor, status: VendorStatus) throws -> Int {
        try insert(
            """
            INSERT INTO vendors (user_id, business_name, type, email, phone, address, time_zone, currency, capacity,
                lead_time_minutes, horizon_days, status)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """,
            request.userId, request.businessName, request.type.rawValue, request.email, request.phone, request.address,
            request.timeZone, request.currency.rawValue, request.capacity, request.leadTimeMinutes,
            request.horizonDays, status.rawValue)
    }

    /// Notes that the vendor differs from what callers saw.
    func raiseVersion(ofVendor id: Int) throws {
        try execute("UPDATE vendors SET version = version + 1 WHERE id = ?", id)
    }

    // MARK: Services

    private static func service(_ row: Row) throws -> OfferedService {
        OfferedService(
            id: try row.int("id"), vendorId: try row.int("vendor_id"), name: try row.text("name"),
            durationMinutes: try row.int("duration_minutes"), price: try row.json("price"),
            species: try row.json("species"), bufferMinutes: try row.int("buffer_minutes"),
            active: try row.bool("active"))
    }

    func services(ofVendor id: Int) throws -> [OfferedService] {
        try rows("SELECT * FROM services WHERE vendor_id = ? ORDER BY id", id).map(Self.service)
    }

    func insertService(_ request: AddService) throws -> OfferedService {
        let id = try insert(
            """
            INSERT INTO services (vendor_id, name, duration_minutes, price, species, buffer_minutes, active)
            VALUES (?, ?, ?, ?, ?, ?, 1)
            """,
            request.vendorId, request.name, request.durationMinutes, request.price.json, request.species.json,
            request.bufferMinutes)
        return OfferedService(
            id: id, vendorId: request.vendorId, name: request.name, durationMinutes: request.durationMinutes,
            price: request.price, species: request.species, bufferMinutes: request.bufferMinutes, active: true)
    }

    func update(_ service: OfferedService) throws {
        try execute(
            """
            UPDATE services SET name = ?, duration_minutes = ?, price = ?, species = ?, buffer_minutes = ?, active = ?
            WHERE id = ?
            """,
            service.name, service.durationMinutes, service.price.json, service.species.json, service.bufferMinutes,
            service.active, service.id)
    }

    // MARK: Hours

    func hours(ofVendor id: Int) throws -> [OpeningHours] {
        try rows("SELECT * FROM hours WHERE vendor_id = ? ORDER BY weekday, open", id).map { row in
            OpeningHours(weekday: try row.int("weekday"), open: try row.text("open"), close: try row.text("close"))
        }
    }

    func setHours(_ hours: [OpeningHours], ofVendor id: Int) throws {
        try execute("DELETE FROM hours WHERE vendor_id = ?", id)
        for hours in hours {
            try execute(
                "INSERT INTO hours (vendor_id, weekday, open, close) VALUES (?, ?, ?, ?)", id, hours.weekday,
                hours.open, hours.close)
        }
    }

    func setSpecialDays(_ days: [SpecialDay], ofVendor id: Int) throws {
        try execute("DELETE FROM special_days WHERE vendor_id = ?", id)
        for day in days {
            try execute(
                "INSERT OR REPLACE INTO special_days (vendor_id, date, closed, open, close, note) VALUES (?, ?, ?, ?, ?, ?)",
                id, day.date, day.closed, day.open, day.close, day.note)
        }
    }

    /// The hours that decide about one day.
    func schedule(ofVendor id: Int, on date: LocalDate) throws -> Schedule {
        var schedule = Schedule(weekly: [:], special: [:])
        for hours in try hours(ofVendor: id) {
            if let opening = Schedule.Opening(open: hours.open, close: hours.close) {
                schedule.weekly[hours.weekday, default: []].append(opening)
            }
        }
        if let row = try row("SELECT * FROM special_days WHERE vendor_id = ? AND date = ?", id, date) {
            let opening = try Schedule.Opening(
                open: row.optionalText("open") ?? "", close: row.optionalText("close") ?? "")
            schedule.special[date] = try row.bool("closed") ? [] : [opening].compactMap { $0 }
        }
        return schedule
    }

    // MARK: Agenda

    func enterInAgenda(_ booking: BookingCreated) throws {
        // The change of a booking may have arrived before the booking itself: its state is newer.
        try execute(
            """
            INSERT INTO agenda (booking_id, vendor_id, service_id, start_at, end_at, status) VALUES (?, ?, ?, ?, ?, ?)
            ON CONFLICT (booking_id) DO UPDATE SET service_id = excluded.service_id, start_at = excluded.start_at,
                end_at = excluded.end_at
            """,
            booking.bookingId, booking.vendorId, booking.serviceId, booking.start, booking.end, booking.status.rawValue)
    }

    func setAgendaStatus(_ change: BookingStatusChanged) throws {
        try execute(
            """
            INSERT INTO agenda (booking_id, vendor_id, service_id, start_at, end_at, status) VALUES (?, ?, 0, 0, 0, ?)
            ON CONFLICT (booking_id) DO UPDATE SET status = excluded.status
            """,
            change.bookingId, change.vendorId, change.to.rawValue)
    }
}

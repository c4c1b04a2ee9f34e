import PetProContracts
import PetProStorage
import Rookery

extension Transaction {
    private func vendor(_ row: Row) throws -> Vendor {
        let id = try row.int("id")
        return Vendor(
            id: id, userId: try row.int("user_id"), businessName: try row.text("business_name"),
            type: try row.value("type"), email: try row.optionalText("email"), phone: try row.optionalText("phone"),
            address: try row.optionalText("address"), timeZone: try row.text("time_zone"),
            currency: try row.value("currency"), capacity: try row.int("capacity"),
            leadTimeMinutes: try row.int("lead_time_minutes"), horizonDays: try row.int("horizon_days"),
            status: try row.value("status"), version: try row.int("version"), services: try services(ofVendor: id),
            hours: try hours(ofVendor: id))
    }

    private static func listing(_ row: Row) throws -> VendorListing {
        VendorListing(
            id: try row.int("id"), businessName: try row.text("business_name"), type: try row.value("type"),
            email: try row.optionalText("email"), phone: try row.optionalText("phone"),
            address: try row.optionalText("address"), timeZone: try row.text("time_zone"),
            currency: try row.value("currency"), status: try row.value("status"))
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

    func vendors(_ request: ListVendors) throws -> [VendorListing] {
        let (sql, values) = Self.listing(request)
        return try rows(sql, values).map(Self.listing)
    }

    static func listing(_ request: ListVendors) -> (sql: String, values: [any SQLConvertible]) {
        var conditions = Conditions()
        conditions.add("status = ?", request.status?.rawValue)
        conditions.add("type = ?", request.type?.rawValue)
        conditions.add("id > ?", request.after)
        return ("SELECT * FROM vendors \(conditions.sql) ORDER BY id LIMIT ?", conditions.values(and: request.limit))
    }

    /// The registration that made a user's vendor, if there is one.
    func registration(ofUser id: Int) throws -> VendorRegistration.Existing? {
        try row("SELECT registration, business_name FROM vendors WHERE user_id = ?", id).map { row in
            VendorRegistration.Existing(
                digest: try row.optionalText("registration"), businessName: try row.text("business_name"))
        }
    }

    func insertVendor(_ request: CreateVendor, status: VendorStatus) throws -> Int {
        try insert(
            """
            INSERT INTO vendors (user_id, registration, business_name, type, email, phone, address, time_zone, currency,
                capacity, lead_time_minutes, horizon_days, status)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """,
            request.userId, VendorRegistration.digest(request), request.businessName, request.type.rawValue,
            request.email, request.phone, request.address, request.timeZone.rawValue, request.currency.rawValue,
            request.capacity, request.leadTimeMinutes, request.horizonDays, status.rawValue)
    }

    // MARK: Accounts that are gone

    /// How long it is remembered that an account is gone. Every call that could still make a vendor for it ends within
    /// seconds. 24 hours.
    private static let memoryOfGoneAccounts: Duration = .seconds(24 * 3600)

    func isGone(account id: Int) throws -> Bool {
        try row("SELECT 1 AS one FROM gone_accounts WHERE user_id = ?", id) != nil
    }

    func rememberGone(account id: Int, at now: Instant) throws {
        try execute("DELETE FROM gone_accounts WHERE deleted_at <= ?", now - Self.memoryOfGoneAccounts)
        try execute("INSERT OR REPLACE INTO gone_accounts (user_id, deleted_at) VALUES (?, ?)", id, now)
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

    /// Vendors from before ``Holdings/services`` may have more than that. Of more than so many the rest is not shown.
    private static let shownServices = 500

    func services(ofVendor id: Int) throws -> [OfferedService] {
        try rows("SELECT * FROM services WHERE vendor_id = ? ORDER BY id LIMIT ?", id, Self.shownServices).map(
            Self.service)
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

    private static func time(_ row: Row, _ column: String) throws -> LocalTime {
        guard let time = LocalTime(try row.text(column)) else {
            throw SchemaMismatch(description: "column \(column) is not a time of day")
        }
        return time
    }

    func hours(ofVendor id: Int) throws -> [OpeningHours] {
        try rows("SELECT * FROM hours WHERE vendor_id = ? ORDER BY weekday, open", id).map { row in
            OpeningHours(
                weekday: try row.int("weekday"), open: try Self.time(row, "open"), close: try Self.time(row, "close"))
        }
    }

    func setHours(_ hours: [OpeningHours], ofVendor id: Int) throws {
        try execute("DELETE FROM hours WHERE vendor_id = ?", id)
        for hours in hours {
            try execute(
                "INSERT INTO hours (vendor_id, weekday, open, close) VALUES (?, ?, ?, ?)", id, hours.weekday,
                hours.open.description, hours.close.description)
        }
    }

    func setSpecialDays(_ days: [SpecialDay], ofVendor id: Int) throws {
        try execute("DELETE FROM special_days WHERE vendor_id = ?", id)
        for day in days {
            try execute(
                "INSERT INTO special_days (vendor_id, date, closed, open, close, note) VALUES (?, ?, ?, ?, ?, ?)",
                id, day.date, day.closed, day.open?.description, day.close?.description, day.note)
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
            let isClosed = try row.bool("closed")
            let opening =
                isClosed
                ? nil : Schedule.Opening(open: try Self.time(row, "open"), close: try Self.time(row, "close"))
            schedule.special[date] = opening.map { [$0] } ?? []
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

import PetProContracts
import PetProStorage
import Rookery

extension Transaction {
    private static let vendorColumns = """
        id, user_id, business_name, type, email, phone, address, time_zone, currency, capacity, lead_time_minutes,
        horizon_days, status, version
        """

    /// Reads a vendor without its services and hours.
    private static func vendor(_ row: inout Row) throws -> Vendor {
        Vendor(
            id: try row.int(), userId: try row.int(), businessName: try row.text(), type: try row.value(),
            email: try row.optionalText(), phone: try row.optionalText(), address: try row.optionalText(),
            timeZone: try row.text(), currency: try row.value(), capacity: try row.int(),
            leadTimeMinutes: try row.int(), horizonDays: try row.int(), status: try row.value(),
            version: try row.int(), services: [], hours: [])
    }

    private func withServicesAndHours(_ found: Vendor) throws -> Vendor {
        var vendor = found
        vendor.services = try services(ofVendor: found.id)
        vendor.hours = try hours(ofVendor: found.id)
        return vendor
    }

    private static let listingColumns = "id, business_name, type, email, phone, address, time_zone, currency, status"

    private static func listing(_ row: inout Row) throws -> VendorListing {
        VendorListing(
            id: try row.int(), businessName: try row.text(), type: try row.value(), email: try row.optionalText(),
            phone: try row.optionalText(), address: try row.optionalText(), timeZone: try row.text(),
            currency: try row.value(), status: try row.value())
    }

    /// Returns a vendor with its services and hours. Throws `VENDOR_NOT_FOUND`.
    func vendor(id: Int) throws -> Vendor {
        let found = try row("SELECT \(Self.vendorColumns) FROM vendors WHERE id = ?", id, read: Self.vendor)
        guard let found else { throw RemoteError(.vendorNotFound, "There is no such vendor.") }
        return try withServicesAndHours(found)
    }

    func vendor(userId: Int) throws -> Vendor? {
        try row("SELECT \(Self.vendorColumns) FROM vendors WHERE user_id = ?", userId, read: Self.vendor)
            .map(withServicesAndHours)
    }

    func vendors(_ request: ListVendors) throws -> [VendorListing] {
        let (sql, values) = Self.listing(request)
        return try rows(sql, values, read: Self.listing)
    }

    static func listing(_ request: ListVendors) -> (sql: String, values: [any SQLConvertible]) {
        var conditions = Conditions()
        conditions.add("status = ?", request.status?.rawValue)
        conditions.add("type = ?", request.type?.rawValue)
        conditions.add("id > ?", request.after)
        return (
            "SELECT \(listingColumns) FROM vendors \(conditions.sql) ORDER BY id LIMIT ?",
            conditions.values(and: request.limit)
        )
    }

    /// Returns the registration that created a user's vendor, or nil without a vendor.
    func registration(ofUser id: Int) throws -> VendorRegistration.Existing? {
        try row("SELECT registration, business_name FROM vendors WHERE user_id = ?", id) { row in
            VendorRegistration.Existing(digest: try row.optionalText(), businessName: try row.text())
        }
    }

    func insertVendor(_ request: CreateVendor, status: VendorStatus) throws -> Int {
        try insert(
            """
            INSERT INTO vendors (user_id, registration, business_name, type, email, phone, address, time_zone, currency,
                capacity, lead_time_minutes, horizon_days, status)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            RETURNING id
            """,
            request.userId, VendorRegistration.digest(request), request.businessName, request.type.rawValue,
            request.email, request.phone, request.address, request.timeZone.rawValue, request.currency.rawValue,
            request.capacity, request.leadTimeMinutes, request.horizonDays, status.rawValue)
    }

    // MARK: Deleted accounts

    /// How long the service remembers a deleted account: 24 hours. Every call that could still create a vendor for it
    /// ends within seconds.
    private static let memoryOfGoneAccounts: Duration = .seconds(24 * 3600)

    func isGone(account id: Int) throws -> Bool {
        try exists("SELECT 1 FROM gone_accounts WHERE user_id = ?", id)
    }

    func rememberGone(account id: Int, at now: Instant) throws {
        try execute("DELETE FROM gone_accounts WHERE deleted_at <= ?", now - Self.memoryOfGoneAccounts)
        try execute(
            """
            INSERT INTO gone_accounts (user_id, deleted_at) VALUES (?, ?)
            ON CONFLICT (user_id) DO UPDATE SET deleted_at = excluded.deleted_at
            """, id, now)
    }

    /// Raises the version of a vendor, so that callers notice the change.
    func raiseVersion(ofVendor id: Int) throws {
        try execute("UPDATE vendors SET version = version + 1 WHERE id = ?", id)
    }

    // MARK: Services

    private static func service(_ row: inout Row) throws -> OfferedService {
        OfferedService(
            id: try row.int(), vendorId: try row.int(), name: try row.text(), durationMinutes: try row.int(),
            price: try row.json(), species: try row.json(), bufferMinutes: try row.int(), active: try row.bool())
    }

    /// The most services that are shown of one vendor. Vendors older than the limit ``Holdings/services`` may have more
    /// services than it allows.
    private static let shownServices = 500

    func services(ofVendor id: Int) throws -> [OfferedService] {
        try rows(
            """
            SELECT id, vendor_id, name, duration_minutes, price, species, buffer_minutes, active FROM services
            WHERE vendor_id = ? ORDER BY id LIMIT ?
            """, id, Self.shownServices, read: Self.service)
    }

    func insertService(_ request: AddService) throws -> OfferedService {
        let id = try insert(
            """
            INSERT INTO services (vendor_id, name, duration_minutes, price, species, buffer_minutes, active)
            VALUES (?, ?, ?, ?, ?, ?, 1)
            RETURNING id
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

    private static func time(_ row: inout Row) throws -> LocalTime {
        let text = try row.text()
        guard let time = LocalTime(text) else {
            throw SchemaMismatch(description: "\(text) is not a time of day")
        }
        return time
    }

    func hours(ofVendor id: Int) throws -> [OpeningHours] {
        try rows("SELECT weekday, open, close FROM hours WHERE vendor_id = ? ORDER BY weekday, open", id) { row in
            OpeningHours(weekday: try row.int(), open: try Self.time(&row), close: try Self.time(&row))
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

    /// Returns the schedule that decides about one day.
    func schedule(of vendor: Vendor, on date: LocalDate) throws -> Schedule {
        var schedule = Schedule(weekly: [:], special: [:])
        for hours in vendor.hours {
            if let opening = Schedule.Opening(open: hours.open, close: hours.close) {
                schedule.weekly[hours.weekday, default: []].append(opening)
            }
        }
        let special = try row(
            "SELECT closed, open, close FROM special_days WHERE vendor_id = ? AND date = ?", vendor.id, date
        ) { row in
            try row.bool() ? [] : [Schedule.Opening(open: try Self.time(&row), close: try Self.time(&row))]
        }
        if let special { schedule.special[date] = special.compactMap { $0 } }
        return schedule
    }

    // MARK: Agenda

    func enterInAgenda(_ booking: BookingCreated) throws {
        // A change of a booking may have arrived before the booking itself. Its status is newer, so it stays.
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

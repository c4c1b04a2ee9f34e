import Foundation
import PetProContracts
import PetProStorage
import Rookery

extension Transaction {
    private static let vendorColumns = """
        id, user_id, business_name, type, email, phone, address, time_zone, currency, capacity, lead_time_minutes,
        horizon_days, status, version
        """

    /// Reads a vendor without its services and hours.
    private func vendor(_ row: inout Row) throws -> Vendor {
        let (id, userId) = (try row.int(), try row.int())
        let place = SealedRow(VendorSchema.vendors, row: id, subject: userId)
        return Vendor(
            id: id, userId: userId, businessName: try businessName(&row, place), type: try row.value(),
            email: try open(try row.stored(), "email", in: place),
            phone: try open(try row.stored(), "phone", in: place),
            address: try open(try row.stored(), "address", in: place), timeZone: try row.text(),
            currency: try row.value(), capacity: try row.int(),
            leadTimeMinutes: try row.int(), horizonDays: try row.int(), status: try row.value(),
            version: try row.int(), services: [], hours: [])
    }

    private func businessName(_ row: inout Row, _ place: SealedRow) throws -> String {
        try open(try row.stored(), "business_name", in: place) ?? Self.erasedName
    }

    /// The name of an erased person's vendor.
    static let erasedName = "closed"

    private func withServicesAndHours(_ found: Vendor) throws -> Vendor {
        var vendor = found
        vendor.services = try services(ofVendor: found.id)
        vendor.hours = try hours(ofVendor: found.id)
        return vendor
    }

    private static let listingColumns =
        "id, user_id, business_name, type, email, phone, address, time_zone, currency, status"

    private func listing(_ row: inout Row) throws -> VendorListing {
        let id = try row.int()
        let place = SealedRow(VendorSchema.vendors, row: id, subject: try row.int())
        return VendorListing(
            id: id, businessName: try businessName(&row, place), type: try row.value(),
            email: try open(try row.stored(), "email", in: place),
            phone: try open(try row.stored(), "phone", in: place),
            address: try open(try row.stored(), "address", in: place), timeZone: try row.text(),
            currency: try row.value(), status: try row.value())
    }

    /// Returns a vendor with its services and hours. Throws `VENDOR_NOT_FOUND`.
    func vendor(id: Int) throws -> Vendor {
        let found = try row("SELECT \(Self.vendorColumns) FROM vendors WHERE id = ?", id, read: vendor)
        guard let found else { throw RemoteError(.vendorNotFound, "There is no such vendor.") }
        return try withServicesAndHours(found)
    }

    func vendor(userId: Int) throws -> Vendor? {
        try row("SELECT \(Self.vendorColumns) FROM vendors WHERE user_id = ?", userId, read: vendor)
            .map(withServicesAndHours)
    }

    func vendors(_ request: ListVendors) throws -> [VendorListing] {
        let (sql, values) = Self.listing(request)
        return try rows(sql, values, read: listing)
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
        try row("SELECT id, business_name, registration FROM vendors WHERE user_id = ?", id) { row in
            let place = SealedRow(VendorSchema.vendors, row: try row.int(), subject: id)
            let name = try businessName(&row, place)
            return VendorRegistration.Existing(
                digest: try open(try row.stored(), "registration", in: place), businessName: name)
        }
    }

    func insertVendor(_ request: CreateVendor, status: VendorStatus) throws -> Int {
        let id = try nextID(in: VendorSchema.vendors)
        let place = SealedRow(VendorSchema.vendors, row: id, subject: request.userId)
        try execute(
            """
            INSERT INTO vendors (id, user_id, registration, business_name, type, email, phone, address, time_zone, currency,
                capacity, lead_time_minutes, horizon_days, status)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """,
            id, request.userId, try seal(VendorRegistration.digest(request), "registration", in: place),
            try seal(request.businessName, "business_name", in: place), request.type.rawValue,
            try seal(request.email, "email", in: place), try seal(request.phone, "phone", in: place),
            try seal(request.address, "address", in: place), request.timeZone.rawValue, request.currency.rawValue,
            request.capacity, request.leadTimeMinutes, request.horizonDays, status.rawValue)
        return id
    }

    /// Changes a vendor's details. Absent members keep their values.
    func update(_ vendor: Vendor, _ request: UpdateVendor) throws {
        let place = SealedRow(VendorSchema.vendors, row: vendor.id, subject: vendor.userId)
        try execute(
            """
            UPDATE vendors SET business_name = ?, email = ?, phone = ?, address = ?, capacity = ?,
                lead_time_minutes = ?, horizon_days = ?
            WHERE id = ?
            """,
            try seal(request.businessName ?? vendor.businessName, "business_name", in: place),
            try seal(request.email ?? vendor.email, "email", in: place),
            try seal(request.phone ?? vendor.phone, "phone", in: place),
            try seal(request.address ?? vendor.address, "address", in: place), request.capacity ?? vendor.capacity,
            request.leadTimeMinutes ?? vendor.leadTimeMinutes, request.horizonDays ?? vendor.horizonDays, vendor.id)
    }

    // MARK: Deleted accounts

    /// Erases names, addresses and notes of a person's vendor. Its services and opening hours stay, because bookings refer
    /// to them.
    func erasePerson(_ id: Int) throws {
        try execute(
            """
            UPDATE vendors SET business_name = ?, email = NULL, phone = NULL, address = NULL, registration = NULL
            WHERE user_id = ?
            """, plain(Self.erasedName), id)
        try execute(
            "UPDATE special_days SET note = NULL WHERE vendor_id IN (SELECT id FROM vendors WHERE user_id = ?)", id)
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

    private static func services(ofVendor id: Int) -> Query {
        Query(
            """
            SELECT id, vendor_id, name, duration_minutes, price, species, buffer_minutes, active FROM services
            WHERE vendor_id = ? ORDER BY id LIMIT ?
            """, id, shownServices)
    }

    func services(ofVendor id: Int) throws -> [OfferedService] {
        try rows(Self.services(ofVendor: id), read: Self.service)
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

    private static func hours(ofVendor id: Int) -> Query {
        Query("SELECT weekday, open, close FROM hours WHERE vendor_id = ? ORDER BY weekday, open", id)
    }

    func hours(ofVendor id: Int) throws -> [OpeningHours] {
        try rows(Self.hours(ofVendor: id), read: Self.openingHours)
    }

    private static func openingHours(_ row: inout Row) throws -> OpeningHours {
        OpeningHours(weekday: try row.int(), open: try time(&row), close: try time(&row))
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
        guard let userId = try row("SELECT user_id FROM vendors WHERE id = ?", id, read: { try $0.int() }) else {
            return
        }
        for day in days {
            let place = SealedRow(VendorSchema.specialDays, row: "\(id)/\(day.date)", subject: userId)
            try execute(
                """
                INSERT INTO special_days (vendor_id, date, starts_at, closed, open, close, note)
                VALUES (?, ?, ?, ?, ?, ?, ?)
                """,
                id, day.date, Instant(milliseconds: Int64(day.date.daysSinceEpoch) * 86_400_000), day.closed,
                day.open?.description, day.close?.description, try seal(day.note, "note", in: place))
        }
    }

    /// Returns a vendor together with its special days, as many as a request may set.
    func withSpecialDays(_ found: Vendor) throws -> Vendor {
        var vendor = found
        vendor.specialDays = try rows(
            "SELECT date, closed, open, close, note FROM special_days WHERE vendor_id = ? ORDER BY date LIMIT ?",
            found.id,
            SetVendorHours.specialDayLimit
        ) { row in
            let text = try row.text()
            guard let date = LocalDate(text) else { throw SchemaMismatch(description: "\(text) is not a date") }
            let place = SealedRow(VendorSchema.specialDays, row: "\(found.id)/\(date)", subject: found.userId)
            let closed = try row.bool()
            return SpecialDay(
                date: date, closed: closed, open: try row.optionalText().flatMap { LocalTime($0) },
                close: try row.optionalText().flatMap { LocalTime($0) },
                note: try open(try row.stored(), "note", in: place))
        }
        return vendor
    }

    // MARK: Bookings

    /// Reads what decides about a booking on a date, or else on the day of an instant. Throws `VENDOR_NOT_FOUND`.
    func bookingTerms(ofVendor id: Int, on date: LocalDate?, at instant: Instant) throws -> BookingTerms {
        let vendor = Query(
            "SELECT time_zone, capacity, lead_time_minutes, horizon_days, status, version FROM vendors WHERE id = ?", id
        )
        let (services, hours) = (Self.services(ofVendor: id), Self.hours(ofVendor: id))
        // The local day of an instant is that of UTC, or one beside it.
        let day = date ?? TimeZone.gmt.localDate(of: instant)
        let around = date == nil ? 1 : 0
        let special = Query(
            "SELECT date, closed, open, close FROM special_days WHERE vendor_id = ? AND date >= ? AND date <= ? ORDER BY date",
            id, LocalDate(daysSinceEpoch: day.daysSinceEpoch - around),
            LocalDate(daysSinceEpoch: day.daysSinceEpoch + around))
        try expectAll([vendor, services, hours, special])
        let terms = try row(vendor) { row in
            BookingTerms(
                timeZone: try row.text(), capacity: try row.int(), leadTimeMinutes: try row.int(),
                horizonDays: try row.int(), status: try row.value(), version: try row.int())
        }
        guard var terms else { throw RemoteError(.vendorNotFound, "There is no such vendor.") }
        terms.services = try rows(services, read: Self.service)
        for hours in try self.rows(hours, read: Self.openingHours) {
            if let opening = Schedule.Opening(open: hours.open, close: hours.close) {
                terms.schedule.weekly[hours.weekday, default: []].append(opening)
            }
        }
        for (date, openings) in try rows(special, read: Self.specialDay) { terms.schedule.special[date] = openings }
        return terms
    }

    private static func specialDay(_ row: inout Row) throws -> (date: LocalDate, openings: [Schedule.Opening]) {
        let text = try row.text()
        guard let date = LocalDate(text) else { throw SchemaMismatch(description: "\(text) is not a date") }
        if try row.bool() { return (date, []) }
        let opening = Schedule.Opening(open: try time(&row), close: try time(&row))
        return (date, opening.map { [$0] } ?? [])
    }

    // MARK: Agenda

    func enterInAgenda(_ booking: BookingCreated) throws {
        // A change of a booking may have arrived before the booking itself. Its status is newer, so it stays.
        try executeLater(
            """
            INSERT INTO agenda (booking_id, vendor_id, service_id, start_at, end_at, status) VALUES (?, ?, ?, ?, ?, ?)
            ON CONFLICT (booking_id) DO UPDATE SET service_id = excluded.service_id, start_at = excluded.start_at,
                end_at = excluded.end_at
            """,
            booking.bookingId, booking.vendorId, booking.serviceId, booking.start, booking.end, booking.status.rawValue)
    }

    func setAgendaStatus(_ change: BookingStatusChanged) throws {
        try executeLater(
            """
            INSERT INTO agenda (booking_id, vendor_id, service_id, start_at, end_at, status) VALUES (?, ?, ?, ?, ?, ?)
            ON CONFLICT (booking_id) DO UPDATE SET status = excluded.status
            """,
            change.bookingId, change.vendorId, change.serviceId ?? 0, change.start ?? Instant(milliseconds: 0),
            change.end ?? Instant(milliseconds: 0), change.to.rawValue)
    }
}

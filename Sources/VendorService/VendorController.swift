import Foundation
public import PetProContracts
public import PetProRuntime
public import PetProStorage
import Rookery

/// Handles the commands and events of the Vendor service.
public struct VendorController: VendorAPI {
    let database: Database
    let environment: ServiceEnvironment
    private let initialStatus: VendorStatus

    /// The migrations of the service's database.
    public static var migrations: [Migration] { VendorSchema.migrations }

    /// Makes the service. With `needsApproval`, new vendors wait for an admin before they can be booked.
    public init(
        database: Database, environment: ServiceEnvironment = ServiceEnvironment(), needsApproval: Bool = false
    ) {
        self.database = database
        self.environment = environment
        initialStatus = needsApproval ? .pendingApproval : .active
    }

    /// Creates a user's vendor. A repetition of the same registration returns the same vendor.
    ///
    /// Throws `VENDOR_EXISTS` when the user has another vendor, and `USER_NOT_FOUND` when the account was deleted.
    public func createVendor(_ request: CreateVendor) async throws -> Vendor {
        let now = environment.now()
        let eventId = environment.uniqueID()
        let status = initialStatus
        return try await database.write { transaction in
            let existing = try transaction.registration(ofUser: request.userId)
            let isGone = try transaction.isErased(request.userId)
            switch VendorRegistration.decide(request, existing, isGone: isGone) {
            case .exists: throw RemoteError(.vendorExists, "This user has a vendor already.")
            case .accountGone: throw RemoteError(.userNotFound, "This account was deleted.")
            case .same: break
            case .make:
                let id = try transaction.insertVendor(request, status: status)
                try transaction.publish(
                    .vendorCreated, VendorCreated(vendorId: id, userId: request.userId, status: status),
                    about: "vendor-\(id)", at: now, id: eventId)
            }
            guard let vendor = try transaction.vendor(userId: request.userId) else {
                throw RemoteError(.vendorNotFound, "There is no such vendor.")
            }
            return vendor
        }
    }

    /// Returns a vendor. Throws `VENDOR_NOT_FOUND`.
    public func getVendorById(_ request: GetVendorById) async throws -> Vendor {
        try await database.read { transaction in
            let vendor = try transaction.vendor(id: request.id)
            return request.withSpecialDays ? try transaction.withSpecialDays(vendor) : vendor
        }
    }

    /// Returns a user's vendor, with its special days. Throws `VENDOR_NOT_FOUND`.
    public func getVendorByUser(_ request: GetVendorByUser) async throws -> Vendor {
        try await database.read { transaction in
            guard let vendor = try transaction.vendor(userId: request.userId) else {
                throw RemoteError(.vendorNotFound, "This user has no vendor.")
            }
            return try transaction.withSpecialDays(vendor)
        }
    }

    /// Lists vendors by id.
    public func listVendors(_ request: ListVendors) async throws -> VendorPage {
        let items = try await database.read { try $0.vendors(request) }
        return VendorPage(items: items, next: items.count == request.limit ? items.last?.id : nil)
    }

    /// Returns everything that decides about a booking on one day.
    ///
    /// Throws `VENDOR_NOT_FOUND`, and `INVALID_PAYLOAD` when the request has neither `date` nor `at`.
    public func getVendorAvailability(_ request: GetVendorAvailability) async throws -> VendorAvailability {
        let now = environment.now()
        let terms = try await database.read {
            try $0.bookingTerms(ofVendor: request.vendorId, on: request.date, at: request.at ?? now)
        }
        guard let zone = TimeZone(identifier: terms.timeZone) else {
            throw SchemaMismatch(description: "vendor \(request.vendorId) has no known time zone")
        }
        guard let date = request.date ?? request.at.map(zone.localDate) else {
            throw RemoteError(
                InvalidPayload(violations: [
                    Violation(path: "date", constraint: "required", message: "is required, unless at is given")
                ]))
        }
        let daysAhead = date.daysSinceEpoch - zone.localDate(of: now).daysSinceEpoch
        let isInHorizon = (0...terms.horizonDays).contains(daysAhead)
        let windows = isInHorizon ? terms.schedule.windows(on: date, in: zone) : []
        return VendorAvailability(
            vendorId: request.vendorId, date: date, timeZone: terms.timeZone, status: terms.status,
            open: terms.status.allows(.takeBookings) && !windows.isEmpty, windows: windows, capacity: terms.capacity,
            leadTimeMinutes: terms.leadTimeMinutes, services: terms.services.filter(\.active), version: terms.version)
    }

    /// Changes a vendor's details. Absent members keep their values. Throws `VENDOR_NOT_FOUND`, `VENDOR_NOT_ACTIVE` and
    /// `STALE_VERSION`.
    public func updateVendor(_ request: UpdateVendor) async throws -> Vendor {
        try await changeSchedule(ofVendor: request.id) { transaction in
            let vendor = try transaction.vendor(id: request.id)
            if let expected = request.expectedVersion, expected != vendor.version {
                throw RemoteError(.staleVersion, "The vendor was changed in the meantime.")
            }
            try transaction.update(vendor, request)
        }
    }

    /// Replaces the opening hours, and the special days if the request has `specialDays`.
    ///
    /// Throws `VENDOR_NOT_FOUND`, `VENDOR_NOT_ACTIVE`, and `INVALID_PAYLOAD` for hours that overlap or are out of
    /// order.
    public func setVendorHours(_ request: SetVendorHours) async throws -> Vendor {
        let violations = Schedule.violations(request.hours, request.specialDays ?? [])
        guard violations.isEmpty else { throw RemoteError(InvalidPayload(violations: violations)) }
        return try await changeSchedule(ofVendor: request.vendorId) { transaction in
            try transaction.setHours(request.hours, ofVendor: request.vendorId)
            if let days = request.specialDays { try transaction.setSpecialDays(days, ofVendor: request.vendorId) }
        }
    }

    private func changeSchedule(
        ofVendor id: Int, _ change: @escaping @Sendable (Transaction) throws -> Void
    ) async throws -> Vendor {
        let now = environment.now()
        let eventId = environment.uniqueID()
        return try await database.write { transaction in
            try transaction.vendor(id: id).status.require(.edit)
            try change(transaction)
            try transaction.raiseVersion(ofVendor: id)
            let vendor = try transaction.vendor(id: id)
            try transaction.publish(
                .vendorScheduleChanged, VendorScheduleChanged(vendorId: id, version: vendor.version),
                about: "vendor-\(id)", at: now, id: eventId)
            return try transaction.withSpecialDays(vendor)
        }
    }

    /// Adds a service.
    ///
    /// Throws `VENDOR_NOT_FOUND`, `VENDOR_NOT_ACTIVE`, `LIMIT_REACHED`, and `INVALID_PAYLOAD` for a price in another
    /// currency than the vendor's.
    public func addService(_ request: AddService) async throws -> OfferedService {
        try await database.write { transaction in
            let vendor = try transaction.vendor(id: request.vendorId)
            try vendor.status.require(.edit)
            try Self.checkCurrency(of: request.price, vendor)
            guard vendor.services.count < Holdings.services else {
                throw RemoteError(
                    .limitReached, "A vendor has at most \(Holdings.services) services.",
                    details: ["limit": .int(Int64(Holdings.services))])
            }
            let service = try transaction.insertService(request)
            try transaction.raiseVersion(ofVendor: vendor.id)
            return service
        }
    }

    private static func checkCurrency(of price: Money, _ vendor: Vendor) throws {
        let violations = Price.violations(price, of: vendor.currency)
        if !violations.isEmpty { throw RemoteError(InvalidPayload(violations: violations)) }
    }

    /// Changes a service. Absent members keep their values. Existing bookings keep the old name, price and duration.
    ///
    /// Throws `VENDOR_NOT_FOUND`, `VENDOR_NOT_ACTIVE`, `SERVICE_NOT_FOUND`, and `INVALID_PAYLOAD` for a price in
    /// another currency than the vendor's.
    public func updateService(_ request: UpdateService) async throws -> OfferedService {
        try await database.write { transaction in
            let vendor = try transaction.vendor(id: request.vendorId)
            try vendor.status.require(.edit)
            guard var service = vendor.services.first(where: { $0.id == request.serviceId }) else {
                throw RemoteError(.serviceNotFound, "This vendor has no such service.")
            }
            service.name = request.name ?? service.name
            service.durationMinutes = request.durationMinutes ?? service.durationMinutes
            service.price = request.price ?? service.price
            service.species = request.species ?? service.species
            service.bufferMinutes = request.bufferMinutes ?? service.bufferMinutes
            service.active = request.active ?? service.active
            try Self.checkCurrency(of: service.price, vendor)
            try transaction.update(service)
            try transaction.raiseVersion(ofVendor: vendor.id)
            return service
        }
    }

    /// Sets the status of a vendor. Throws `VENDOR_NOT_FOUND` and `INVALID_TRANSITION`.
    public func setVendorStatus(_ request: SetVendorStatus) async throws -> Vendor {
        let now = environment.now()
        let eventId = environment.uniqueID()
        return try await database.write { transaction in
            let vendor = try transaction.vendor(id: request.id)
            guard vendor.status.canBecome(request.to) else {
                throw RemoteError(
                    .invalidTransition,
                    "A vendor that is \(vendor.status.rawValue) cannot become \(request.to.rawValue).")
            }
            try transaction.move(vendor, to: request.to, at: now, eventId: eventId)
            return try transaction.vendor(id: vendor.id)
        }
    }

    /// Adds a booking to the agenda.
    public func bookingCreated(_ event: EventEnvelope<BookingCreated>) async throws {
        let now = environment.now()
        try await database.receive(event, at: now, changing: ["booking-\(event.data.bookingId)"]) { transaction in
            try transaction.enterInAgenda(event.data)
        }
    }

    /// Updates the status of a booking in the agenda.
    public func bookingStatusChanged(_ event: EventEnvelope<BookingStatusChanged>) async throws {
        let now = environment.now()
        try await database.receive(event, at: now, changing: ["booking-\(event.data.bookingId)"]) { transaction in
            try transaction.setAgendaStatus(event.data)
        }
    }

    /// Erases what the vendor of a deleted account said about a person, and sets the vendor to `inactive`, unless it is
    /// rejected. The service creates no vendor for that account any more.
    public func userDeleted(_ event: EventEnvelope<UserDeleted>) async throws {
        let now = environment.now()
        let eventId = environment.uniqueID()
        try await database.receive(event, at: now) { transaction in
            try transaction.erasePerson(event.data.userId)
            try transaction.noteErasure(of: event.data.userId, at: now)
            guard let vendor = try transaction.vendor(userId: event.data.userId) else { return }
            if vendor.status == .inactive || vendor.status == .rejected { return }
            try transaction.move(vendor, to: .inactive, at: now, eventId: eventId)
        }
    }
}

extension Transaction {
    /// Sets the status of a vendor, and publishes the change.
    fileprivate func move(_ vendor: Vendor, to status: VendorStatus, at now: Instant, eventId: String) throws {
        try execute(
            "UPDATE vendors SET status = ?, version = version + 1 WHERE id = ?", status.rawValue, vendor.id)
        try publish(
            .vendorStatusChanged, VendorStatusChanged(vendorId: vendor.id, from: vendor.status, to: status),
            about: "vendor-\(vendor.id)", at: now, id: eventId)
    }
}

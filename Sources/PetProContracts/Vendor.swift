public import Rookery

/// The commands and events of the Vendor service: vendors, their services and their opening hours. Occupancy belongs to
/// Booking.
@Contract
public protocol VendorAPI: Sendable {
    /// Creates the vendor of an account. A repetition of the same registration returns the same vendor. Throws
    /// `USER_NOT_FOUND` when the account was deleted.
    @MessagePattern(cmd: "create-vendor", .keyed, errors: [.vendorExists, .userNotFound])
    func createVendor(_ request: CreateVendor) async throws -> Vendor

    /// Returns a vendor by its id, with services and hours.
    @MessagePattern(cmd: "get-vendor-by-id", .safe, errors: [.vendorNotFound])
    func getVendorById(_ request: GetVendorById) async throws -> Vendor

    /// Returns the vendor of an account.
    @MessagePattern(cmd: "get-vendor-by-user", .safe, errors: [.vendorNotFound])
    func getVendorByUser(_ request: GetVendorByUser) async throws -> Vendor

    /// Lists vendors by id, without services and hours, of which one vendor may have many.
    @MessagePattern(cmd: "list-vendors", .safe, errors: [])
    func listVendors(_ request: ListVendors) async throws -> VendorPage

    /// Returns everything that decides about a booking on one day, in one reply.
    @MessagePattern(cmd: "get-vendor-availability", .safe, errors: [.vendorNotFound])
    func getVendorAvailability(_ request: GetVendorAvailability) async throws -> VendorAvailability

    /// Changes a vendor's details. Absent members keep their values.
    @MessagePattern(cmd: "update-vendor", errors: [.vendorNotFound, .vendorNotActive, .staleVersion])
    func updateVendor(_ request: UpdateVendor) async throws -> Vendor

    /// Replaces the opening hours, and the special days if they are given.
    @MessagePattern(cmd: "set-vendor-hours", errors: [.vendorNotFound, .vendorNotActive])
    func setVendorHours(_ request: SetVendorHours) async throws -> Vendor

    /// Adds a service.
    @MessagePattern(cmd: "add-service", errors: [.vendorNotFound, .vendorNotActive, .limitReached])
    func addService(_ request: AddService) async throws -> OfferedService

    /// Changes a service. Absent members keep their values.
    @MessagePattern(cmd: "update-service", errors: [.vendorNotFound, .vendorNotActive, .serviceNotFound])
    func updateService(_ request: UpdateService) async throws -> OfferedService

    /// Sets the status of a vendor, for an admin.
    @MessagePattern(cmd: "set-vendor-status", errors: [.vendorNotFound, .invalidTransition])
    func setVendorStatus(_ request: SetVendorStatus) async throws -> Vendor

    /// Adds a booking to the vendor's agenda.
    @EventPattern("booking.created")
    func bookingCreated(_ event: EventEnvelope<BookingCreated>) async throws

    /// Updates the status of a booking in the agenda.
    @EventPattern("booking.status-changed")
    func bookingStatusChanged(_ event: EventEnvelope<BookingStatusChanged>) async throws

    /// Sets the vendor of a deleted account to `inactive`, and creates no vendor for that account.
    @EventPattern("user.deleted")
    func userDeleted(_ event: EventEnvelope<UserDeleted>) async throws
}

/// The kind of a vendor.
@Message
public enum VendorType: String, CaseIterable {
    case veterinary, grooming, boarding, daycare, training, walking
}

/// The status of a vendor. Only an active vendor can be booked.
@Message
public enum VendorStatus: String, CaseIterable {
    case pendingApproval = "pending_approval"
    case active, rejected, suspended, inactive

    /// Returns whether an admin may set `next` now.
    public func canBecome(_ next: VendorStatus) -> Bool {
        switch (self, next) {
        case (.pendingApproval, .active), (.pendingApproval, .rejected), (.active, .suspended), (.suspended, .active),
            (.active, .inactive), (.suspended, .inactive):
            true
        default: false
        }
    }
}

/// Kinds of animals.
@Message
public enum Species: String, CaseIterable {
    case dog, cat, rabbit, bird, other
}

@Message
public struct Vendor: Hashable {
    public var id: Int
    public var userId: Int
    @PII(.name) public var businessName: String
    public var type: VendorType
    /// The address that customers see. Nil when the vendor has given none.
    @PII(.email) public var email: String?
    @PII(.phone) public var phone: String?
    @PII(.address) public var address: String?
    @NotPersonal("a name of the IANA database") public var timeZone: String
    public var currency: Currency
    public var capacity: Int
    public var leadTimeMinutes: Int
    public var horizonDays: Int
    public var status: VendorStatus
    public var version: Int
    public var services: [OfferedService]
    public var hours: [OpeningHours]
    /// By date. Nil in answers that do not have them: see ``GetVendorById/withSpecialDays``.
    public var specialDays: [SpecialDay]?
}

/// A service that customers can book.
@Message
public struct OfferedService: Hashable {
    public var id: Int
    public var vendorId: Int
    @NotPersonal("what a business offers, in public") public var name: String
    public var durationMinutes: Int
    public var price: Money
    public var species: [Species]
    /// The time between a booking and the next one at the same place.
    public var bufferMinutes: Int
    public var active: Bool
}

/// One opening of a weekday, in the vendor's time zone.
@Message
public struct OpeningHours: Hashable {
    /// 1 for Monday to 7 for Sunday.
    @InRange(1...7) public var weekday: Int
    public var open: LocalTime
    /// Later than `open`; `24:00` for midnight.
    public var close: LocalTime
}

@Message
public struct CreateVendor {
    @InRange(ID.range) public var userId: Int
    @Line(2...120) @PII(.name) public var businessName: String
    public var type: VendorType
    @Email @PII(.email) public var email: String?
    @Line(3...40) @PII(.phone) public var phone: String?
    @Text(3...300) @PII(.address) public var address: String?
    public var timeZone: TimeZoneName
    public var currency: Currency
    @InRange(1...200) public var capacity: Int = 1
    @InRange(0...43_200) public var leadTimeMinutes: Int = 0
    @InRange(1...730) public var horizonDays: Int = 90
}

@Message
public struct GetVendorById {
    @InRange(ID.range) public var id: Int
    /// Whether the answer has the vendor's special days.
    public var withSpecialDays: Bool = false
}

@Message
public struct GetVendorByUser {
    @InRange(ID.range) public var userId: Int
}

@Message
public struct ListVendors {
    public var type: VendorType?
    /// Only vendors in this state; all when absent.
    public var status: VendorStatus?
    @InRange(1...100) public var limit: Int = 50
    /// Only ids above this one.
    @InRange(ID.range) public var after: Int?
}

/// A vendor in a list.
@Message
public struct VendorListing: Hashable {
    public var id: Int
    @PII(.name) public var businessName: String
    public var type: VendorType
    @PII(.email) public var email: String?
    @PII(.phone) public var phone: String?
    @PII(.address) public var address: String?
    @NotPersonal("a name of the IANA database") public var timeZone: String
    public var currency: Currency
    public var status: VendorStatus
}

@Message
public struct VendorPage {
    public var items: [VendorListing]
    /// Pass as `after` for the next page.
    public var next: Int?
}

/// Asks for a day in the vendor's time zone: `date`, or the day of the instant `at`. A caller with an instant does not
/// need to know the vendor's time zone.
@Message
public struct GetVendorAvailability {
    @InRange(ID.range) public var vendorId: Int
    public var date: LocalDate?
    public var at: Instant?

    /// Requires one of the two.
    public func validate(into violations: inout [Violation]) {
        if date != nil || at != nil { return }
        violations.append(
            Violation(path: "date", constraint: "required", message: "is required, unless at is given"))
    }
}

@Message
public struct VendorAvailability: Hashable {
    public var vendorId: Int
    public var date: LocalDate
    @NotPersonal("a name of the IANA database") public var timeZone: String
    public var status: VendorStatus
    public var open: Bool
    public var windows: [TimeWindow]
    public var capacity: Int
    public var leadTimeMinutes: Int
    public var services: [OfferedService]
    public var version: Int
}

/// From `start` up to, not including, `end`.
@Message
public struct TimeWindow: Hashable {
    public var start: Instant
    public var end: Instant
}

@Message
public struct UpdateVendor {
    @InRange(ID.range) public var id: Int
    @InRange(ID.range) public var expectedVersion: Int?
    @Line(2...120) @PII(.name) public var businessName: String?
    @Email @PII(.email) public var email: String?
    @Line(3...40) @PII(.phone) public var phone: String?
    @Text(3...300) @PII(.address) public var address: String?
    @InRange(1...200) public var capacity: Int?
    @InRange(0...43_200) public var leadTimeMinutes: Int?
    @InRange(1...730) public var horizonDays: Int?
}

/// The new weekly hours, and optionally the new special days.
@Message
public struct SetVendorHours {
    @InRange(ID.range) public var vendorId: Int
    @Items(0...70) public var hours: [OpeningHours]
    @Items(0...366) public var specialDays: [SpecialDay]?

    /// The most special days that a vendor has.
    public static let specialDayLimit = 366
}

/// A date whose hours differ from those of its weekday: closed, or with its own hours.
@Message
public struct SpecialDay: Hashable {
    public var date: LocalDate
    public var closed: Bool
    public var open: LocalTime?
    public var close: LocalTime?
    @Text(0...200) @PII(.notes) public var note: String?
}

@Message
public struct AddService {
    @InRange(ID.range) public var vendorId: Int
    @Line(1...120) @NotPersonal("what a business offers, in public") public var name: String
    @InRange(5...720) @MultipleOf(Grid.minutes) public var durationMinutes: Int
    public var price: Money
    @Items(1...5) @Distinct public var species: [Species]
    @InRange(0...240) @MultipleOf(Grid.minutes) public var bufferMinutes: Int = 0
}

@Message
public struct UpdateService {
    @InRange(ID.range) public var vendorId: Int
    @InRange(ID.range) public var serviceId: Int
    @Line(1...120) @NotPersonal("what a business offers, in public") public var name: String?
    @InRange(5...720) @MultipleOf(Grid.minutes) public var durationMinutes: Int?
    public var price: Money?
    @Items(1...5) @Distinct public var species: [Species]?
    @InRange(0...240) @MultipleOf(Grid.minutes) public var bufferMinutes: Int?
    public var active: Bool?
}

@Message
public struct SetVendorStatus {
    @InRange(ID.range) public var id: Int
    public var to: VendorStatus
}

public import Rookery

/// Vendors, their services and their opening hours: the rules. Occupancy is Booking's.
@Contract
public protocol VendorAPI: Sendable {
    /// Makes a vendor of an account, once. Refused when the account was taken back in the meantime.
    @MessagePattern(cmd: "create-vendor", .keyed, errors: [.vendorExists, .userNotFound])
    func createVendor(_ request: CreateVendor) async throws -> Vendor

    /// A vendor by its id, with services and hours.
    @MessagePattern(cmd: "get-vendor-by-id", .safe, errors: [.vendorNotFound])
    func getVendorById(_ request: GetVendorById) async throws -> Vendor

    /// The vendor of an account.
    @MessagePattern(cmd: "get-vendor-by-user", .safe, errors: [.vendorNotFound])
    func getVendorByUser(_ request: GetVendorByUser) async throws -> Vendor

    /// Without services and hours, of which one vendor may have many.
    @MessagePattern(cmd: "list-vendors", .safe, errors: [])
    func listVendors(_ request: ListVendors) async throws -> VendorPage

    /// Everything a booking on one day is decided on, in one answer.
    @MessagePattern(cmd: "get-vendor-availability", .safe, errors: [.vendorNotFound])
    func getVendorAvailability(_ request: GetVendorAvailability) async throws -> VendorAvailability

    /// Changes a vendor's particulars: what is absent stays.
    @MessagePattern(cmd: "update-vendor", errors: [.vendorNotFound, .vendorNotActive, .staleVersion])
    func updateVendor(_ request: UpdateVendor) async throws -> Vendor

    /// Replaces the opening hours.
    @MessagePattern(cmd: "set-vendor-hours", errors: [.vendorNotFound, .vendorNotActive])
    func setVendorHours(_ request: SetVendorHours) async throws -> Vendor

    /// Offers a further service.
    @MessagePattern(cmd: "add-service", errors: [.vendorNotFound, .vendorNotActive, .limitReached])
    func addService(_ request: AddService) async throws -> OfferedService

    /// Changes a service: what is absent stays.
    @MessagePattern(cmd: "update-service", errors: [.vendorNotFound, .vendorNotActive, .serviceNotFound])
    func updateService(_ request: UpdateService) async throws -> OfferedService

    /// Sets a vendor's status, as an admin may.
    @MessagePattern(cmd: "set-vendor-status", errors: [.vendorNotFound, .invalidTransition])
    func setVendorStatus(_ request: SetVendorStatus) async throws -> Vendor

    /// Enters a booking in the vendor's agenda.
    @EventPattern("booking.created")
    func bookingCreated(_ event: BookingCreatedEvent) async throws

    /// Keeps the agenda up to date.
    @EventPattern("booking.status-changed")
    func bookingStatusChanged(_ event: BookingStatusChangedEvent) async throws

    /// Ends the vendor of an account that is gone, and makes none for it any more.
    @EventPattern("user.deleted")
    func userDeleted(_ event: UserDeletedEvent) async throws
}

/// What a vendor offers.
@Message
public enum VendorType: String, CaseIterable {
    case veterinary, grooming, boarding, daycare, training, walking
}

/// Where a vendor is in its life; only an active one can be booked.
@Message
public enum VendorStatus: String, CaseIterable {
    case pendingApproval = "pending_approval"
    case active, rejected, suspended, inactive

    /// Whether an admin may set `next` now.
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
    public var businessName: String
    public var type: VendorType
    /// The address that customers are told; nil when the vendor gave none of its own.
    @PII(.email) public var email: String?
    @PII(.phone) public var phone: String?
    @PII(.address) public var address: String?
    public var timeZone: String
    public var currency: Currency
    public var capacity: Int
    public var leadTimeMinutes: Int
    public var horizonDays: Int
    public var status: VendorStatus
    public var version: Int
    public var services: [OfferedService]
    public var hours: [OpeningHours]
}

/// Something that can be booked.
@Message
public struct OfferedService: Hashable {
    public var id: Int
    public var vendorId: Int
    public var name: String
    public var durationMinutes: Int
    public var price: Money
    public var species: [Species]
    /// Time needed after each booking before the next.
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
    @Line(2...120) public var businessName: String
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
    public var businessName: String
    public var type: VendorType
    @PII(.email) public var email: String?
    @PII(.phone) public var phone: String?
    @PII(.address) public var address: String?
    public var timeZone: String
    public var currency: Currency
    public var status: VendorStatus
}

@Message
public struct VendorPage {
    public var items: [VendorListing]
    /// Pass as `after` for the next page.
    public var next: Int?
}

/// Asks for a day by the vendor's calendar, or for the day on which an instant falls there: a caller that knows only the
/// instant does not know the vendor's time zone yet.
@Message
public struct GetVendorAvailability {
    @InRange(ID.range) public var vendorId: Int
    public var date: LocalDate?
    public var at: Instant?
}

@Message
public struct VendorAvailability: Hashable {
    public var vendorId: Int
    public var date: LocalDate
    public var timeZone: String
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
    @Line(2...120) public var businessName: String?
    @Email @PII(.email) public var email: String?
    @Line(3...40) @PII(.phone) public var phone: String?
    @Text(3...300) @PII(.address) public var address: String?
    @InRange(1...200) public var capacity: Int?
    @InRange(0...43_200) public var leadTimeMinutes: Int?
    @InRange(1...730) public var horizonDays: Int?
}

/// Replaces the weekly hours, and the special days when they are given.
@Message
public struct SetVendorHours {
    @InRange(ID.range) public var vendorId: Int
    @Items(0...70) public var hours: [OpeningHours]
    @Items(0...366) public var specialDays: [SpecialDay]?
}

/// A date that differs from its weekday: closed, or with hours of its own.
@Message
public struct SpecialDay: Hashable {
    public var date: LocalDate
    public var closed: Bool
    public var open: LocalTime?
    public var close: LocalTime?
    @Text(0...200) public var note: String?
}

@Message
public struct AddService {
    @InRange(ID.range) public var vendorId: Int
    @Line(1...120) public var name: String
    @InRange(5...720) @MultipleOf(Grid.minutes) public var durationMinutes: Int
    public var price: Money
    @Items(1...5) @Distinct public var species: [Species]
    @InRange(0...240) @MultipleOf(Grid.minutes) public var bufferMinutes: Int = 0
}

@Message
public struct UpdateService {
    @InRange(ID.range) public var vendorId: Int
    @InRange(ID.range) public var serviceId: Int
    @Line(1...120) public var name: String?
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

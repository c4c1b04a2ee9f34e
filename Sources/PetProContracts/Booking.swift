public import Rookery

/// The commands and events of the Booking service: pets, bookings and occupancy.
@Contract
public protocol BookingAPI: Sendable {
    /// Returns a booking by its id.
    @MessagePattern(cmd: "get-booking", .safe, errors: [.bookingNotFound])
    func getBooking(_ request: GetBooking) async throws -> Booking

    /// Creates a booking. `VENDOR_UNAVAILABLE` has a reason and up to three alternatives in its details.
    @MessagePattern(
        cmd: "create-booking", .keyed,
        errors: [
            .vendorUnavailable, .petBusy, .petNotFound, .serviceNotFound, .vendorNotFound, .speciesNotServed,
            .priceChanged, .startInPast, .keyReused, .limitReached,
        ])
    func createBooking(_ request: CreateBooking) async throws -> Booking

    /// Lists the free start times of a day.
    @MessagePattern(cmd: "check-availability", .safe, errors: [.vendorNotFound, .serviceNotFound])
    func checkAvailability(_ request: CheckAvailability) async throws -> Availability

    /// Lists the bookings of a customer or a vendor, newest first.
    @MessagePattern(cmd: "list-bookings", .safe, errors: [])
    func listBookings(_ request: ListBookings) async throws -> BookingPage

    /// Sets the status of a booking. The caller checks whether the vendor's own status allows it.
    @MessagePattern(
        cmd: "update-booking-status",
        errors: [.bookingNotFound, .invalidTransition, .staleVersion, .forbidden, .cancellationNotAllowed])
    func updateBookingStatus(_ request: UpdateBookingStatus) async throws -> Booking

    /// Adds a pet of an owner.
    @MessagePattern(cmd: "create-pet", errors: [.limitReached])
    func createPet(_ request: CreatePet) async throws -> Pet

    /// Lists the pets of an owner.
    @MessagePattern(cmd: "list-pets", .safe, errors: [])
    func listPets(_ request: ListPets) async throws -> PetPage

    /// Removes the personal data of a deleted account. The bookings themselves stay.
    @EventPattern("user.deleted")
    func userDeleted(_ event: EventEnvelope<UserDeleted>) async throws

    /// Flags the future bookings of a vendor that stops being active. Removes the flags when it is active again.
    @EventPattern("vendor.status-changed")
    func vendorStatusChanged(_ event: EventEnvelope<VendorStatusChanged>) async throws
}

@Message
public struct Pet: Hashable {
    public var id: Int
    public var ownerId: Int
    @PII(.notes) public var name: String
    public var species: Species
    @PII(.notes) public var breed: String?
    public var birthDate: LocalDate?
    @PII(.notes) public var notes: String?
}

@Message
public enum BookingStatus: String, CaseIterable {
    case pending, confirmed
    case inProgress = "in_progress"
    case completed, cancelled
    case noShow = "no_show"

    /// Whether the booking occupies capacity.
    public var isOccupying: Bool {
        switch self {
        case .pending, .confirmed, .inProgress: true
        case .completed, .cancelled, .noShow: false
        }
    }
}

@Message
public struct Booking: Hashable {
    public var id: Int
    @NotPersonal("random") public var reference: String
    public var customerId: Int
    public var vendorId: Int
    public var serviceId: Int
    public var petId: Int
    public var start: Instant
    public var end: Instant
    @NotPersonal("what a business offers, in public") public var serviceName: String
    public var price: Money
    public var durationMinutes: Int
    @PII(.notes) public var notes: String?
    public var status: BookingStatus
    public var version: Int
    public var cancel: Cancellation?
    /// Whether the vendor stopped being active after the booking was created.
    public var flagged: Bool
    public var history: [BookingStep]
    public var createdAt: Instant
}

@Message
public struct Cancellation: Hashable {
    /// `customer`, `vendor`, `admin` or `system`.
    @NotPersonal("one of four words") public var by: String
    @PII(.notes) public var reason: String
}

/// One status that a booking has had.
@Message
public struct BookingStep: Hashable {
    public var status: BookingStatus
    public var at: Instant
    @NotPersonal("one of four words") public var by: String
}

@Message
public struct GetBooking {
    @InRange(ID.range) public var id: Int
}

@Message
public struct CreateBooking {
    @InRange(ID.range) public var customerId: Int
    @InRange(ID.range) public var vendorId: Int
    @InRange(ID.range) public var serviceId: Int
    @InRange(ID.range) public var petId: Int
    @WholeMinutes(Grid.minutes) public var start: Instant
    @Text(0...500) @PII(.notes) public var notes: String?
    /// The price that the customer expects. Another current price is refused with `PRICE_CHANGED`.
    public var expectedPrice: Money?
    /// For 24 hours, the same key with the same request returns the same booking.
    @Line(1...128) @NotPersonal("chosen by the client for one request") public var idempotencyKey: String?
}

@Message
public struct CheckAvailability {
    @InRange(ID.range) public var vendorId: Int
    @InRange(ID.range) public var serviceId: Int
    public var date: LocalDate
}

@Message
public struct Availability: Hashable {
    public var vendorId: Int
    public var serviceId: Int
    public var date: LocalDate
    public var slots: [Slot]
}

/// A start at which a service can be booked.
@Message
public struct Slot: Hashable {
    public var start: Instant
    public var end: Instant
    /// How many more bookings fit at this start.
    public var remaining: Int
}

/// The filters of a list of bookings. All given filters must match; without any, the list has all bookings.
@Message
public struct ListBookings {
    @InRange(ID.range) public var customerId: Int?
    @InRange(ID.range) public var vendorId: Int?
    public var status: BookingStatus?
    @InRange(1...100) public var limit: Int = 50
    /// Only ids below this one, because the list is newest first.
    @InRange(ID.range) public var before: Int?
}

@Message
public struct BookingPage {
    public var items: [Booking]
    /// Pass as `before` for the next page.
    public var next: Int?
}

/// The party that changes a booking.
@Message
public enum BookingActor: String, CaseIterable {
    case customer, vendor, admin
}

@Message
public struct UpdateBookingStatus {
    @InRange(ID.range) public var id: Int
    public var to: BookingStatus
    @InRange(ID.range) public var expectedVersion: Int?
    public var actor: BookingActor
    @Text(0...500) @PII(.notes) public var reason: String?
}

/// The bounds of pets' birth dates.
public enum PetBirth {
    /// The earliest birth date: 1900-01-01.
    public static let earliest = LocalDate(daysSinceEpoch: -25_567)
}

@Message
public struct CreatePet {
    @InRange(ID.range) public var ownerId: Int
    @Line(1...60) @PII(.notes) public var name: String
    public var species: Species
    @Line(1...60) @PII(.notes) public var breed: String?
    /// From 1900-01-01 to today.
    @InRange(PetBirth.earliest...) public var birthDate: LocalDate?
    @Text(0...500) @PII(.notes) public var notes: String?
}

@Message
public struct ListPets {
    @InRange(ID.range) public var ownerId: Int
    @InRange(1...100) public var limit: Int = 50
    /// Only ids above this one.
    @InRange(ID.range) public var after: Int?
}

@Message
public struct PetPage {
    public var items: [Pet]
    /// Pass as `after` for the next page.
    public var next: Int?
}

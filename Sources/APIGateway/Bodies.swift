import PetProContracts
import Rookery

// What HTTP clients send. Who they are comes from their token, never from a body. The rules are the messages' own, so that
// what a service would refuse is refused before anything is asked or written.

@Message
struct RegisterBody: DescribedMessage {
    @Email @PII(.email) var email: String
    @Length(8...128) @NotBlank @Sensitive var password: String
    @Line(1...100) @PII(.name) var name: String

    static let schema = Schema.object([
        "email": .email, "password": .string(8...128), "name": .string(1...100),
    ])
}

@Message
struct LoginBody: DescribedMessage {
    @Length(1...254) @PII(.email) var email: String
    @Length(1...128) @Sensitive var password: String

    static let schema = Schema.object(["email": .string(1...254), "password": .string(1...128)])
}

@Message
struct RefreshBody: DescribedMessage {
    @Length(1...256) @Sensitive var refreshToken: String

    static let schema = Schema.object(["refreshToken": .string(1...256)])
}

/// The user and the vendor part of a registration.
@Message
struct RegisterVendorBody: DescribedMessage {
    var user: RegisterBody
    var vendor: VendorBody

    static let schema = Schema.object(["user": RegisterBody.schema, "vendor": VendorBody.schema])
}

@Message
struct VendorBody: DescribedMessage {
    @Line(2...120) var businessName: String
    var type: VendorType
    /// What customers are told; the account's address is never shown.
    @Email @PII(.email) var email: String?
    @Line(3...40) @PII(.phone) var phone: String?
    @Text(3...300) @PII(.address) var address: String?
    var timeZone: TimeZoneName
    var currency: Currency
    @InRange(1...200) var capacity: Int = 1
    @InRange(0...43_200) var leadTimeMinutes: Int = 0
    @InRange(1...730) var horizonDays: Int = 90

    static let schema = Schema.object([
        "businessName": .string(2...120), "type": .oneOf(VendorType.self), "email?": .email, "phone?": .string(3...40),
        "address?": .string(3...300), "timeZone": .timeZone, "currency": .oneOf(Currency.self),
        "capacity?": .integer(1...200), "leadTimeMinutes?": .integer(0...43_200), "horizonDays?": .integer(1...730),
    ])
}

/// Changes of a vendor's particulars: what is absent stays.
@Message
struct VendorChangesBody: DescribedMessage {
    @Line(2...120) var businessName: String?
    @Email @PII(.email) var email: String?
    @Line(3...40) @PII(.phone) var phone: String?
    @Text(3...300) @PII(.address) var address: String?
    @InRange(1...200) var capacity: Int?
    @InRange(0...43_200) var leadTimeMinutes: Int?
    @InRange(1...730) var horizonDays: Int?
    @InRange(ID.range) var expectedVersion: Int?

    static let schema = Schema.object([
        "businessName?": .string(2...120), "email?": .email, "phone?": .string(3...40), "address?": .string(3...300),
        "capacity?": .integer(1...200), "leadTimeMinutes?": .integer(0...43_200), "horizonDays?": .integer(1...730),
        "expectedVersion?": .id,
    ])
}

@Message
struct CreateBookingBody: DescribedMessage {
    @InRange(ID.range) var vendorId: Int
    @InRange(ID.range) var serviceId: Int
    @InRange(ID.range) var petId: Int
    @WholeMinutes(Grid.minutes) var start: Instant
    @Text(0...500) @PII(.notes) var notes: String?
    @Amount(Price.range) var expectedPrice: Money?

    static let schema = Schema.object([
        "vendorId": .id, "serviceId": .id, "petId": .id, "start": .instant, "notes?": .string(0...500),
        "expectedPrice?": .price,
    ])
}

@Message
struct CancelBookingBody: DescribedMessage {
    @Text(0...500) @PII(.notes) var reason: String?
    @InRange(ID.range) var expectedVersion: Int?

    static let schema = Schema.object(["reason?": .string(0...500), "expectedVersion?": .id])
}

@Message
struct BookingStatusBody: DescribedMessage {
    var status: BookingStatus
    @InRange(ID.range) var expectedVersion: Int?
    @Text(0...500) @PII(.notes) var reason: String?

    static let schema = Schema.object([
        "status": .oneOf(BookingStatus.self), "expectedVersion?": .id, "reason?": .string(0...500),
    ])
}

@Message
struct PetBody: DescribedMessage {
    @Line(1...60) var name: String
    var species: Species
    @Line(1...60) var breed: String?
    @InRange(PetBirth.earliest...) var birthDate: LocalDate?
    @Text(0...500) @PII(.notes) var notes: String?

    static let schema = Schema.object([
        "name": .string(1...60), "species": .oneOf(Species.self), "breed?": .string(1...60), "birthDate?": .date,
        "notes?": .string(0...500),
    ])
}

@Message
struct HoursBody: DescribedMessage {
    @Items(0...70) var hours: [OpeningHours]
    @Items(0...366) var specialDays: [SpecialDay]?

    private static let time = Schema.string(0...5, pattern: "^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$")
    static let schema = Schema.object([
        "hours": .array(.object(["weekday": .integer(1...7), "open": time, "close": time]), 0...70),
        "specialDays?": .array(
            .object(["date": .date, "closed": .boolean, "open?": time, "close?": time, "note?": .string(0...200)]),
            0...366),
    ])
}

@Message
struct ServiceBody: DescribedMessage {
    @Line(1...120) var name: String
    @InRange(5...720) @MultipleOf(Grid.minutes) var durationMinutes: Int
    @Amount(Price.range) var price: Money
    @Items(1...5) @Distinct var species: [Species]
    @InRange(0...240) @MultipleOf(Grid.minutes) var bufferMinutes: Int = 0

    static let schema = Schema.object([
        "name": .string(1...120), "durationMinutes": .integer(5...720, multipleOf: Grid.minutes), "price": .price,
        "species": .array(.oneOf(Species.self), 1...5, distinct: true),
        "bufferMinutes?": .integer(0...240, multipleOf: Grid.minutes),
    ])
}

@Message
struct VendorStatusBody: DescribedMessage {
    var status: VendorStatus

    static let schema = Schema.object(["status": .oneOf(VendorStatus.self)])
}

@Message
struct ProductBody: DescribedMessage {
    /// Whose product it is: an admin must say so; a vendor's are its own.
    @InRange(ID.range) var vendorId: Int?
    @Line(1...64) var sku: String
    @Line(1...120) var name: String
    @Amount(Price.range) var price: Money
    @Items(1...5) @Distinct var species: [Species]
    @InRange(0...1_000_000) var quantity: Int = 0
    @InRange(0...1_000_000) var lowStockThreshold: Int = 0

    static let schema = Schema.object([
        "vendorId?": .id, "sku": .string(1...64), "name": .string(1...120), "price": .price,
        "species": .array(.oneOf(Species.self), 1...5, distinct: true), "quantity?": .integer(0...1_000_000),
        "lowStockThreshold?": .integer(0...1_000_000),
    ])
}

@Message
struct InventoryBody: DescribedMessage {
    @InRange(-1_000_000...1_000_000) var delta: Int
    var reason: InventoryReason

    static let schema = Schema.object([
        "delta": .integer(-1_000_000...1_000_000), "reason": .oneOf(InventoryReason.self),
    ])
}

@Message
struct ReservationBody: DescribedMessage {
    @InRange(1...10_000) var quantity: Int

    static let schema = Schema.object(["quantity": .integer(1...10_000)])
}

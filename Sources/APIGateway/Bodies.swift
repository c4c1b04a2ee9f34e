import PetProContracts
import Rookery

// What HTTP clients send. Who they are comes from their token, never from a body.

@Message
struct RegisterBody: DescribedMessage {
    @Email @PII(.email) var email: String
    @Length(8...128) @Sensitive var password: String
    @Length(1...100) @PII(.name) var name: String

    static let schema = Schema.object([
        "email": .email, "password": .string(min: 8, max: 128), "name": .string(min: 1, max: 100),
    ])
}

@Message
struct LoginBody: DescribedMessage {
    @Length(1...254) @PII(.email) var email: String
    @Length(1...128) @Sensitive var password: String

    static let schema = Schema.object(["email": .string(min: 1, max: 254), "password": .string(min: 1, max: 128)])
}

@Message
struct RefreshBody: DescribedMessage {
    @Length(1...256) @Sensitive var refreshToken: String

    static let schema = Schema.object(["refreshToken": .string(min: 1, max: 256)])
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
    @Length(2...120) var businessName: String
    var type: VendorType
    @Email @PII(.email) var email: String?
    @Length(3...40) @PII(.phone) var phone: String?
    @Length(3...300) @PII(.address) var address: String?
    @Length(1...64) var timeZone: String
    var currency: Currency
    @InRange(1...200) var capacity: Int = 1
    @InRange(0...43_200) var leadTimeMinutes: Int = 0
    @InRange(1...730) var horizonDays: Int = 90

    static let schema = Schema.object([
        "businessName": .string(min: 2, max: 120), "type": .oneOf(VendorType.self), "email?": .email,
        "phone?": .string(min: 3, max: 40), "address?": .string(min: 3, max: 300), "timeZone": .string(min: 1, max: 64),
        "currency": .oneOf(Currency.self), "capacity?": .integer(1...200), "leadTimeMinutes?": .integer(0...43_200),
        "horizonDays?": .integer(1...730),
    ])
}

@Message
struct CreateBookingBody: DescribedMessage {
    @InRange(1...) var vendorId: Int
    @InRange(1...) var serviceId: Int
    @InRange(1...) var petId: Int
    var start: Instant
    @Length(0...500) @PII(.notes) var notes: String?
    var expectedPrice: Money?

    static let schema = Schema.object([
        "vendorId": .integer(), "serviceId": .integer(), "petId": .integer(), "start": .instant,
        "notes?": .string(max: 500), "expectedPrice?": .money,
    ])
}

@Message
struct CancelBookingBody: DescribedMessage {
    @Length(0...500) var reason: String?
    var expectedVersion: Int?

    static let schema = Schema.object(["reason?": .string(max: 500), "expectedVersion?": .integer()])
}

@Message
struct BookingStatusBody: DescribedMessage {
    var status: BookingStatus
    var expectedVersion: Int?
    @Length(0...500) var reason: String?

    static let schema = Schema.object([
        "status": .oneOf(BookingStatus.self), "expectedVersion?": .integer(), "reason?": .string(max: 500),
    ])
}

@Message
struct PetBody: DescribedMessage {
    @Length(1...60) var name: String
    var species: Species
    @Length(1...60) var breed: String?
    var birthDate: LocalDate?
    @Length(0...500) @PII(.notes) var notes: String?

    static let schema = Schema.object([
        "name": .string(min: 1, max: 60), "species": .oneOf(Species.self), "breed?": .string(min: 1, max: 60),
        "birthDate?": .date, "notes?": .string(max: 500),
    ])
}

@Message
struct HoursBody: DescribedMessage {
    @Items(0...70) var hours: [OpeningHours]
    @Items(0...366) var specialDays: [SpecialDay]?

    private static let time = Schema.string(pattern: "^([01][0-9]|2[0-3]):[0-5][0-9]$")
    static let schema = Schema.object([
        "hours": .array(.object(["weekday": .integer(1...7), "open": time, "close": time]), 0...70),
        "specialDays?": .array(
            .object(["date": .date, "closed": .boolean, "open?": time, "close?": time, "note?": .string(max: 200)]),
            0...366),
    ])
}

@Message
struct ServiceBody: DescribedMessage {
    @Length(1...120) var name: String
    @InRange(5...720) var durationMinutes: Int
    var price: Money
    @Items(1...5) var species: [Species]
    @InRange(0...240) var bufferMinutes: Int = 0

    static let schema = Schema.object([
        "name": .string(min: 1, max: 120), "durationMinutes": .integer(5...720), "price": .money,
        "species": .array(.oneOf(Species.self), 1...5), "bufferMinutes?": .integer(0...240),
    ])
}

@Message
struct VendorStatusBody: DescribedMessage {
    var status: VendorStatus

    static let schema = Schema.object(["status": .oneOf(VendorStatus.self)])
}

@Message
struct ProductBody: DescribedMessage {
    @Length(1...64) var sku: String
    @Length(1...120) var name: String
    var price: Money
    @Items(1...5) var species: [Species]
    @InRange(0...1_000_000) var quantity: Int = 0
    @InRange(0...1_000_000) var lowStockThreshold: Int = 0

    static let schema = Schema.object([
        "sku": .string(min: 1, max: 64), "name": .string(min: 1, max: 120), "price": .money,
        "species": .array(.oneOf(Species.self), 1...5), "quantity?": .integer(0...1_000_000),
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

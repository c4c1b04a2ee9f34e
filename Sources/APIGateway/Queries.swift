import PetProContracts
import Rookery

// Query parameters that differ from the services' own messages, because other members come from the path or the token.

@Message
struct PageQuery {
    @InRange(1...100) var limit: Int = 50
    /// Only ids above this one.
    @InRange(ID.range) var after: Int?
}

@Message
struct AvailabilityQuery {
    @InRange(ID.range) var serviceId: Int
    /// The day in the vendor's time zone.
    var date: LocalDate
}

@Message
struct VendorStreamQuery {
    @InRange(ID.range) var vendorId: Int
    /// The `id` of the last event that the client has, to go on after it. The header `Last-Event-ID` comes first.
    @Length(1...64) var after: String?
}

@Message
struct ProductStreamQuery {
    /// The `id` of the last event that the client has, to go on after it. The header `Last-Event-ID` comes first.
    @Length(1...64) var after: String?
}

@Message
struct SellerQuery {
    /// The vendor of the new product. Required for an admin. A vendor may give only its own id.
    @InRange(ID.range) var vendorId: Int?
}

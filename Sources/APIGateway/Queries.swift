import PetProContracts
import Rookery

// The parameters of queries: what a service lists by, without what comes from the token.

@Message
struct PageQuery {
    @InRange(1...100) var limit: Int = 50
    /// Only ids above this one.
    @InRange(ID.range) var after: Int?
}

@Message
struct AvailabilityQuery {
    @InRange(ID.range) var serviceId: Int
    /// By the vendor's calendar.
    var date: LocalDate
}

@Message
struct StreamQuery {
    @InRange(ID.range) var vendorId: Int
}

@Message
struct SellerQuery {
    /// Whose product it is: an admin must say so; a vendor's are its own.
    @InRange(ID.range) var vendorId: Int?
}

import PetProContracts
import Rookery

// HTTP bodies that differ from the services' own messages. Most operations take a service message, without the members
// that come from the path or the token.

/// The body of a vendor registration: the account and the vendor.
@Message
struct VendorRegistrationBody {
    var user: CreateUser
    var vendor: CreateVendor
}

@Message
struct CancelBookingBody {
    @Text(0...500) @PII(.notes) var reason: String?
    @InRange(ID.range) var expectedVersion: Int?
}

@Message
struct BookingStatusBody {
    var status: BookingStatus
    @InRange(ID.range) var expectedVersion: Int?
    @Text(0...500) @PII(.notes) var reason: String?
}

@Message
struct VendorStatusBody {
    var status: VendorStatus
}

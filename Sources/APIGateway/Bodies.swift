import PetProContracts
import Rookery

// What HTTP clients send is the services' own messages, without what comes from the path or the token. Here is what differs
// from them.

/// The user and the vendor part of a registration.
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

import Rookery

@Message
struct ConformanceBooking {
    var id: Int
    var status: ConformanceStatus
    var petName: String
    var vendorId: Int
    var startsAt: Instant
    var total: Double
    @ExplicitNull var notes: String?
}

import Rookery

@Message
struct GetConformanceBooking {
    var id: Int
}

// A small service: a request with validation and a declared error, a stream, an event, an interceptor on one command, a
// timeout for one call, a graceful stop, and a test without a network.
import Rookery
import RookeryTesting
import Logging
import ServiceLifecycle

@Message struct GetBooking { @InRange(1...) var id: Int }
@Message struct Booking { var id: Int; @Line(1...60) var petName: String }
@Message struct WatchBookings { @Items(1...100) var ids: [Int] }

extension RemoteError.Code {
    static let bookingNotFound: Self = "BOOKING_NOT_FOUND"
    static let unauthenticated: Self = "UNAUTHENTICATED"
}

@Contract protocol BookingAPI: Sendable {
    @MessagePattern(cmd: "get-booking", .safe, errors: [.bookingNotFound, .unauthenticated])
    func getBooking(_ request: GetBooking) async throws -> Booking
    @StreamPattern(cmd: "watch-bookings")
    func watchBookings(_ request: WatchBookings) async throws -> MessageStream<Booking>
    @EventPattern("booking.seen")
    func bookingSeen(_ event: GetBooking) async throws
}

struct Bookings: BookingAPI {
    func getBooking(_ request: GetBooking) async throws -> Booking {
        guard request.id < 100 else { throw RemoteError(.bookingNotFound, "There is no booking \(request.id).") }
        return Booking(id: request.id, petName: "Žofie")
    }
    func watchBookings(_ request: WatchBookings) async throws -> MessageStream<Booking> {
        MessageStream(request.ids.map { Booking(id: $0, petName: "Žofie") })
    }
    func bookingSeen(_ event: GetBooking) async throws { print("seen", event.id) }
}

struct RequireToken: Interceptor {
    func intercept(_ call: Call, next: CallHandler) async throws -> Reply {
        guard call.metadata["token"] == "secret" else { throw RemoteError(.unauthenticated, "A token is needed.") }
        return try await next(call)
    }
}

let service = BookingAPIContract.service(Bookings()).intercepted(by: RequireToken(), on: BookingAPIContract.getBooking)

// A test without a network: the same service, the same checks, no sockets.
let local = try BookingAPIClient(RookeryClient(inMemory: service))
let booking = try await local.with { $0.metadata["token"] = "secret"; $0.timeout = .seconds(1) }.getBooking(.init(id: 7))
precondition(booking.petName == "Žofie")
for try await seen in try await local.watchBookings(.init(ids: [1, 2])) { print(seen) }
try await local.bookingSeen(.init(id: 7))

// The server. On SIGTERM it finishes the calls in flight and stops.
if CommandLine.arguments.contains("serve") {
    let server = try RookeryServer(.init(port: 4002), services: service)
    try await ServiceGroup(services: [server], gracefulShutdownSignals: [.sigterm, .sigint], logger: .init(label: "bookings")).run()
}

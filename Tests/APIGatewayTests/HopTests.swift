import NIOCore
import PetProContracts
import PetProStorage
import PetProTesting
import Rookery
import RookeryTesting
import Synchronization
import Testing

@testable import APIGateway
@testable import BookingService

/// Where a flow's requests are at named points: on which event loop, or on none.
private final class Passage: Sendable {
    struct Point: Sendable, CustomStringConvertible {
        let name: String
        /// The position of the event loop; nil on any other thread.
        let loop: Int?
        var description: String { "\(name) on \(loop.map { "loop \($0)" } ?? "another thread")" }
    }
    private let points = Mutex<[Point]>([])

    func pass(_ name: String) {
        let loop = EventLoops.shared.currentPosition
        points.withLock { $0.append(Point(name: name, loop: loop)) }
    }
    func take() -> [Point] {
        points.withLock { points in
            defer { points = [] }
            return points
        }
    }
}

private struct Calls: Interceptor {
    let caller: String
    let passage: Passage

    func intercept(_ call: Call, next: CallHandler) async throws -> Reply {
        passage.pass("\(caller) calls \(call.command.name)")
        defer { passage.pass("\(caller) has an answer of \(call.command.name)") }
        return try await next(call)
    }
}

private struct Handlers: Interceptor {
    let passage: Passage

    func intercept(_ call: Call, next: CallHandler) async throws -> Reply {
        passage.pass("\(call.command.name) begins")
        defer { passage.pass("\(call.command.name) ends") }
        return try await next(call)
    }
}

@Suite("The threads that a request passes", .timeLimit(.minutes(1)))
struct HopTests {
    /// Runs `body` with the real gateway in front of the real services, everything over TCP.
    private func overTCP(_ body: @escaping @Sendable (RunningGateway, Passage) async throws -> Void) async throws {
        let platform = try await TestPlatform()
        let passage = Passage()
        func server(_ name: String, _ routes: [Route]) throws -> RookeryServer {
            var configuration = ServerConfiguration(port: 0)
            configuration.name = name
            return try RookeryServer(configuration, routes: routes, logger: .quiet)
                .intercepted(by: Handlers(passage: passage))
        }
        func client(_ address: SocketAddress, from caller: String = "gateway") -> RookeryClient {
            RookeryClient(host: "127.0.0.1", port: address.port ?? 0, logger: .quiet)
                .intercepted(by: Calls(caller: caller, passage: passage))
        }
        let vendors = try server("vendor", VendorAPIContract.service(platform.vendors).routes)
        try await vendors.running { vendorAddress in
            let bookings = BookingController(
                database: platform.bookings.database, vendors: VendorAPIClient(client(vendorAddress, from: "booking")),
                environment: platform.bookings.environment)
            let auth = try server("auth", AuthAPIContract.service(platform.auth).routes)
            let products = try server("product", ProductAPIContract.service(platform.products).routes)
            let booking = try server("booking", BookingAPIContract.service(bookings).routes)
            try await auth.running { authAddress in
                try await products.running { productAddress in
                    try await booking.running { bookingAddress in
                        let services = Gateway.Services(
                            auth: AuthAPIClient(client(authAddress)),
                            bookings: BookingAPIClient(client(bookingAddress)),
                            vendors: VendorAPIClient(client(vendorAddress)),
                            products: ProductAPIClient(client(productAddress)), health: { _ in .up })
                        try await platform.serving(services: services) { try await body($0, passage) }
                    }
                }
            }
        }
    }

    /// The gateway's points are on one loop, and so are those of each message and of the calls made for it.
    private func expectNoHops(_ points: [Passage.Point], _ calls: [String]) {
        #expect(points.allSatisfy { $0.loop != nil }, "\(points)")
        let gateway = points.filter { $0.name.hasPrefix("gateway") }
        #expect(gateway.map(\.name).filter { $0.contains(" calls ") } == calls.map { "gateway calls \($0)" })
        #expect(Set(gateway.map(\.loop)).count == 1, "\(gateway)")
        for command in calls {
            let own = points.filter { $0.name == "\(command) begins" || $0.name == "\(command) ends" }
            #expect(own.count == 2 && Set(own.map(\.loop)).count == 1, "\(own)")
        }
    }

    @Test("are one event loop in the gateway and one in each service, whatever the flow")
    func flows() async throws {
        try await overTCP { gateway, passage in
            // Whatever connects, does so before.
            let http = gateway.http
            let token = try await http.signIn("maya@petpro.example")
            _ = try await http.get("/api/products/9001/availability")
            _ = passage.take()

            #expect(try await http.get("/api/products/9001/availability").status == 200)
            expectNoHops(passage.take(), ["getProduct", "checkInventory", "getVendorById"])

            let body: JSONValue = [
                "vendorId": 3, "serviceId": 6, "petId": 1, "start": .string(PetProTesting.start(18)),
            ]
            let answer = try await http.post("/api/bookings", body, token: token)
            #expect(answer.status == 201 || answer.code == "VENDOR_UNAVAILABLE")
            let booking = passage.take()
            expectNoHops(booking, ["validateToken", "createBooking"])
            // What Booking asks Vendor leaves from the loop on which its own message is handled.
            let inBooking = booking.filter { $0.name.hasPrefix("booking ") || $0.name.hasPrefix("createBooking ") }
            #expect(inBooking.count == 4 && Set(inBooking.map(\.loop)).count == 1, "\(inBooking)")

            let registration = HTTP.registration("hops@petpro.example")
            #expect(try await http.post("/api/vendors", registration).status == 201)
            // Hashing the password is done elsewhere, and comes back.
            expectNoHops(passage.take(), ["createUser", "createVendor"])
        }
    }
}

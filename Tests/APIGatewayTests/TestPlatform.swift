import NIOCore
import AuthService
import Logging
import PetProAssembly
import PetProContracts
import PetProRuntime
import PetProStorage
import PetProTesting
import ProductService
import Rookery
import RookeryTesting
import ServiceLifecycle
import Synchronization
import Tracing
import VendorService

@testable import APIGateway
@testable import BookingService

/// A platform in this process: the real gateway over real sockets, and the real services with databases in memory, which
/// the gateway calls directly.
struct TestPlatform: Sendable {
    let time = SettableTime(.current())
    let audited = AuditRecorder()
    let databases: [ServiceName: Database]
    let auth: AuthController
    let vendors: VendorController
    let bookings: BookingController
    let products: ProductController
    private let relays: [EventRelay]

    /// Makes one with demo data.
    init(needsApproval: Bool = false, form: Protection.Form = .sealed) async throws {
        let time = self.time
        let environment = ServiceEnvironment(now: { time.now })
        func database(_ service: ServiceName, _ migrations: [Migration]) throws -> Database {
            try Database.temporary(migrations, protection: Protection(service: service.rawValue, form: form))
        }
        let authData = try database(.auth, AuthController.migrations)
        let vendorData = try database(.vendor, VendorController.migrations)
        let bookingData = try database(.booking, BookingController.migrations)
        let productData = try database(.product, ProductController.migrations)
        let databases: [ServiceName: Database] = [
            .auth: authData, .vendor: vendorData, .booking: bookingData, .product: productData,
        ]
        let auth = try await AuthController(
            database: authData, signingKeys: nil, environment: environment, passwordCost: 4, audit: audited.auditor)
        let vendors = VendorController(database: vendorData, environment: environment, needsApproval: needsApproval)
        let bookings = BookingController(database: bookingData, vendors: vendors, environment: environment)
        let products = try await ProductController(database: productData, environment: environment)
        try await auth.enterDemoUsers()
        try await vendors.enterDemoVendors()
        try await bookings.enterDemoPets()
        try await products.enterDemoProducts()
        let clients: [ServiceName: RookeryClient] = [
            .auth: try InMemoryTransport(AuthAPIContract.service(auth).routes).client(),
            .vendor: try InMemoryTransport(VendorAPIContract.service(vendors).routes).client(),
            .booking: try InMemoryTransport(BookingAPIContract.service(bookings).routes).client(),
            .product: try InMemoryTransport(ProductAPIContract.service(products).routes).client(),
        ]
        relays = databases.map { service, database in
            EventRelay(
                of: service, database: database, clients: clients, lease: WorkLease(database: database, logger: .quiet),
                logger: .quiet, now: { time.now })
        }
        self.databases = databases
        self.auth = auth
        self.vendors = vendors
        self.bookings = bookings
        self.products = products
    }

    /// Delivers the events that are waiting.
    func deliverEvents() async throws {
        var delivered = 1
        while delivered > 0 {
            delivered = 0
            for relay in relays { delivered += try await relay.deliverDue() }
        }
    }

    /// The services as the gateway calls them; how each is, is what `health` finds out.
    func services(
        health: @escaping @Sendable (ServiceName) async -> ServiceHealth = { _ in .up }
    ) -> Gateway.Services {
        let logs = databases.reduce(into: [:]) { $0[$1.key] = EventLogFeed(of: $1.key, in: $1.value) }
        @Sendable func log(_ service: ServiceName) throws -> EventLogFeed {
            guard let log = logs[service] else { throw HTTP.Unexpected("there is no \(service.rawValue)") }
            return log
        }
        return Gateway.Services(
            auth: auth, bookings: bookings, vendors: vendors, products: products, health: health,
            eventLog: { try await log($0).describeEventLog(DescribeEventLog(limit: 100)) },
            replay: { try await log($0).replayDeadLetter($1) })
    }

    /// A gateway that runs for the length of `body`.
    func serving<Result: Sendable>(
        limits: HTTPLimits = HTTPLimits(), services: Gateway.Services? = nil, drainTimeout: Duration = .seconds(5),
        shedding: Shedding = .init(), change: (inout Gateway.Configuration) -> Void = { $0.rates.mode = .off },
        tracer: (any Tracer)? = nil, logger: Logger = .quiet,
        _ body: @Sendable (RunningGateway) async throws -> Result
    ) async throws -> Result {
        var configuration = Gateway.Configuration(port: 0)
        configuration.limits = limits
        configuration.drainTimeout = drainTimeout
        configuration.shedding = shedding
        change(&configuration)
        let (ports, port) = AsyncStream.makeStream(of: Int.self)
        let (ends, end) = AsyncStream.makeStream(of: Void.self)
        let gateway = try Gateway(
            configuration: configuration, services: services ?? self.services(), audit: audited.auditor,
            tracer: tracer, logger: logger, onRunning: { port.yield($0) })
        let group = ServiceGroup(configuration: .init(services: [gateway], logger: .quiet))
        return try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask {
                defer {
                    port.finish()
                    end.finish()
                }
                try await group.run()
            }
            var iterator = ports.makeAsyncIterator()
            guard let port = await iterator.next() else { throw HTTP.Unexpected("the gateway did not start") }
            let running = RunningGateway(
                platform: self, gateway: gateway, port: port, answers: AnswerCheck(document: gateway.openAPI),
                group: group,
                ends: ends)
            let result = try await body(running)
            tasks.cancelAll()
            return result
        }
    }
}

/// Keeps what is recorded in the audit log.
final class AuditRecorder: Sendable {
    private let events = Mutex<[AuditEvent]>([])
    var auditor: Auditor { Auditor { [self] event in events.withLock { $0.append(event) } } }

    /// Returns what was recorded since the last time.
    func take() -> [AuditEvent] {
        events.withLock { events in
            defer { events = [] }
            return events
        }
    }
}

/// A gateway that listens.
struct RunningGateway: Sendable {
    let platform: TestPlatform
    let gateway: Gateway
    let port: Int
    fileprivate let answers: AnswerCheck
    fileprivate let group: ServiceGroup
    fileprivate let ends: AsyncStream<Void>

    /// Asks it to stop.
    func stop() async { await group.triggerGracefulShutdown() }

    /// Returns when it has stopped.
    func stopped() async { for await _ in ends {} }

    /// Each answer is held against the document.
    var http: HTTP { HTTP(url: "http://127.0.0.1:\(port)", answers: answers) }

    /// A vendor of its own, always open, whose account is active.
    func makeVendor(capacity: Int = 1) async throws -> (id: Int, service: Int, token: String) {
        try await http.makeVendor(capacity: capacity) { _, _ in try await platform.deliverEvents() }
    }

    /// What a plain socket gets back until the gateway closes, for what it sends.
    func exchange(_ text: String, from address: String = "127.0.0.1") async throws -> String {
        try await RawSocket.connected(to: port, from: address) { socket in
            try await socket.write(text)
            return String(decoding: await socket.readToEnd(), as: UTF8.self)
        }
    }
}

extension Logger {
    /// Says nothing.
    static let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
}

extension TestPlatform {
    /// Runs `body` with the real gateway in front of the real services, all over TCP, all with one tracer. `products` may put something
    /// else in front of Product.
    static func traced<Backend: Tracer>(
        by tracer: Backend,
        products change: @escaping @Sendable (ProductAPIClient) -> any ProductAPI = { $0 },
        _ body: @escaping @Sendable (RunningGateway, Backend) async throws -> Void
    ) async throws {
        let platform = try await TestPlatform()
        func server(_ name: ServiceName, _ routes: [Route]) throws -> RookeryServer {
            var configuration = ServerConfiguration(port: 0)
            configuration.name = name.rawValue
            return try RookeryServer(configuration, routes: routes, tracer: tracer, logger: .quiet)
        }
        func client(_ name: ServiceName, _ address: SocketAddress) throws -> RookeryClient {
            let instance = Instance(host: "127.0.0.1", port: address.port ?? 0)
            return try RookeryClient(
                ClientConfiguration(name.rawValue, instances: .list([instance])), tracer: tracer, logger: .quiet)
        }
        try await server(.vendor, VendorAPIContract.service(platform.vendors).routes).running { vendor in
            let vendors = VendorAPIClient(try client(.vendor, vendor))
            let bookings = BookingController(
                database: platform.bookings.database, vendors: vendors, environment: platform.bookings.environment)
            try await server(.auth, AuthAPIContract.service(platform.auth).routes).running { auth in
                try await server(.product, ProductAPIContract.service(platform.products).routes).running { product in
                    try await server(.booking, BookingAPIContract.service(bookings).routes).running { booking in
                        let addresses: [ServiceName: SocketAddress] = [
                            .auth: auth, .booking: booking, .vendor: vendor, .product: product,
                        ]
                        let clients = try Dictionary(
                            uniqueKeysWithValues: addresses.map { ($0, try client($0, $1)) })
                        let services = Gateway.Services(
                            auth: AuthAPIClient(try client(.auth, auth)),
                            bookings: BookingAPIClient(try client(.booking, booking)), vendors: vendors,
                            products: change(ProductAPIClient(try client(.product, product))), health: { _ in .up },
                            send: { service, command, message, key in
                                guard let client = clients[service] else { return nil }
                                return try await client.with { $0.idempotencyKey = key }
                                    ._request(command, message, as: JSONValue?.self)
                            })
                        try await platform.serving(services: services, tracer: tracer) { try await body($0, tracer) }
                    }
                }
            }
        }
    }
}

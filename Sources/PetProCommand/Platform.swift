import APIGateway
import AuthService
import BookingService
import Foundation
import Logging
import PetProContracts
import PetProStorage
import ProductService
import Rookery
import ServiceLifecycle
import VendorService

/// Where everything is, and how it is put together.
struct Platform: Sendable {
    /// Where the services' instances are found.
    let sources: [ServiceName: InstanceSource]
    /// How they are called.
    let settings: [ServiceName: DestinationConfiguration]
    /// How they serve.
    let servers: [ServiceName: ServerConfiguration]
    let dataFolder: String
    /// Demo data, and responses that say which calls they caused.
    let isDemo: Bool
    /// The logarithm of scrypt's N.
    let passwordCost: Int
    let vendorsNeedApproval: Bool
    let callLog = CallLog()
    let logger: Logger

    /// The names the parts have in the diagrams.
    static func participant(_ service: ServiceName) -> String {
        switch service {
        case .auth: "AuthService"
        case .booking: "BookingService"
        case .vendor: "VendorService"
        case .product: "ProductService"
        }
    }

    /// A service as another one calls it.
    func destination(_ service: ServiceName) throws -> Destination {
        guard let source = sources[service] else {
            throw CommandFailure(message: "no address for \(service.rawValue): give --\(service.rawValue) HOST:PORT")
        }
        let discovery: any Discovery
        do {
            discovery = try source.discovery(logger: logger)
        } catch {
            throw CommandFailure(message: "--\(service.rawValue): \(error)")
        }
        return try Destination(
            tcp: service.rawValue, settings[service] ?? DestinationConfiguration(), discovery: discovery, logger: logger
        ) { $0.sendsMetadata = true }
    }

    /// A client of a destination; what it calls is noted under its trace.
    private func client(_ destination: Destination, _ service: ServiceName, from caller: String) -> RookeryClient {
        RookeryClient(
            destination, interceptors: [callLog.interceptor(from: caller, to: Self.participant(service))])
    }

    /// What runs for one instance of a service, in the order in which it starts.
    struct ServiceParts {
        let server: RookeryServer
        let others: [any Service]
        /// To be called when everything has stopped.
        let close: @Sendable () async throws -> Void
    }

    /// Opens a service's database and puts an instance of the service together, which listens at `address`.
    func parts(of service: ServiceName, at address: Instance) async throws -> ServiceParts {
        let name = Self.participant(service)
        var configuration = servers[service] ?? ServerConfiguration()
        configuration.host = address.host
        configuration.port = address.port
        let path = "\(dataFolder)/\(service.rawValue).sqlite"
        let database: Database
        var others: [any Service] = []
        let routes: [Route]
        var close: @Sendable () async throws -> Void = {}
        var needs: [ServiceName: Destination] = [:]
        if service == .auth || service == .booking { needs[.vendor] = try destination(.vendor) }
        let told = EventType.allCases.filter { $0.publisher == service }.flatMap(\.subscribers)
        for subscriber in Set(told)
        where sources[subscriber] != nil && needs[subscriber] == nil {
            needs[subscriber] = try destination(subscriber)
        }
        let clients = Dictionary(uniqueKeysWithValues: needs.map { ($0, client($1, $0, from: name)) })
        let vendors = clients[.vendor].map { VendorAPIClient($0) }
        switch service {
        case .auth:
            database = try open(path, AuthController.migrations)
            let auth = try await AuthController(database: database, passwordCost: passwordCost)
            if isDemo { try await auth.enterDemoUsers() }
            if let vendors {
                let sweeper = PendingUserSweeper(database: database, vendors: vendors)
                others.append(
                    PeriodicService("pending accounts", every: .seconds(60), logger: logger) {
                        try await sweeper.sweep()
                    })
            }
            routes = AuthAPIContract.routes(for: auth)
            close = { try await auth.shutDown() }
        case .vendor:
            database = try open(path, VendorController.migrations)
            let controller = VendorController(database: database, needsApproval: vendorsNeedApproval)
            if isDemo { try await controller.enterDemoVendors() }
            routes = VendorAPIContract.routes(for: controller)
        case .booking:
            database = try open(path, BookingController.migrations)
            guard let vendors else { throw CommandFailure(message: "booking needs an address for vendor") }
            let bookings = BookingController(database: database, vendors: vendors)
            if isDemo { try await bookings.enterDemoPets() }
            others.append(
                PeriodicService("expired bookings", every: .seconds(30), logger: logger) {
                    // A full batch may have left some.
                    while try await bookings.cancelExpired() == 100 {}
                })
            routes = BookingAPIContract.routes(for: bookings)
        case .product:
            database = try open(path, ProductController.migrations)
            let products = try await ProductController(database: database)
            if isDemo { try await products.enterDemoProducts() }
            others.append(
                PeriodicService("expired reservations", every: .seconds(10), logger: logger) {
                    // A full batch may have left some.
                    while try await products.expireReservations() == 100 {}
                })
            routes = ProductAPIContract.routes(for: products)
        }
        others.append(
            OutboxRelay(database: database, subscribers: clients, logger: logger, now: Instant.current))
        others.append(
            PeriodicService("old replies and events", every: .seconds(600), logger: logger) {
                try await IdempotencyKey.forgetOld(in: database, at: .current())
            })
        others += needs.values.map { DestinationService($0) }
        let closeService = close
        let called = needs
        return ServiceParts(
            server: try RookeryServer(
                configuration: configuration, routes: routes, health: Self.health(database, service, needs),
                logger: logger),
            others: others,
            close: {
                for destination in called.values { await destination.close() }
                try await closeService()
                try database.close()
            })
    }

    /// The database is needed for everything; the services it calls, for some.
    private static func health(
        _ database: Database, _ service: ServiceName, _ needs: [ServiceName: Destination]
    ) -> [HealthCheck] {
        let own = HealthCheck("database") { _ = try await database.read { try $0.row("SELECT 1 AS one") } }
        let called = needs.filter { $0.key != service }.sorted { $0.key.rawValue < $1.key.rawValue }
        return [own] + called.map { name, destination in HealthCheck(name.rawValue, isRequired: false, destination) }
    }

    private func open(_ path: String, _ migrations: [Migration]) throws -> Database {
        do {
            try FileManager.default.createDirectory(atPath: dataFolder, withIntermediateDirectories: true)
            return try Database(path: path, migrations: migrations)
        } catch {
            throw CommandFailure(message: "cannot open the database \(path): \(error)")
        }
    }

    /// Puts the gateway together, and what it needs beside it.
    func gateway(
        _ http: Instance, onRunning: @escaping @Sendable (Int) async -> Void = { _ in }
    ) throws -> [any Service] {
        let name = "APIGateway"
        var destinations: [ServiceName: Destination] = [:]
        for service in ServiceName.allCases { destinations[service] = try destination(service) }
        func client(_ service: ServiceName) throws -> RookeryClient {
            guard let destination = destinations[service] else {
                throw CommandFailure(message: "no address for \(service.rawValue)")
            }
            return self.client(destination, service, from: name)
        }
        var configuration = Gateway.Configuration(host: http.host, port: http.port)
        configuration.exposesCalls = isDemo
        let all = destinations
        let services = Gateway.Services(
            auth: AuthAPIClient(try client(.auth)), bookings: BookingAPIClient(try client(.booking)),
            vendors: VendorAPIClient(try client(.vendor)), products: ProductAPIClient(try client(.product)),
            health: { service in
                guard let destination = all[service] else { return .down("no address") }
                return await ServiceHealth(asking: destination)
            })
        let gateway = Gateway(
            configuration: configuration, services: services, callLog: callLog, traceId: ServiceEnvironment.randomID,
            logger: logger, onRunning: onRunning)
        return destinations.values.map { DestinationService($0) } + [gateway]
    }
}

/// Follows where a destination's instances are, for as long as the program runs.
struct DestinationService: Service {
    private let destination: Destination

    init(_ destination: Destination) { self.destination = destination }

    func run() async throws {
        try await cancelWhenGracefulShutdown {
            do {
                try await destination.run()
                // Instances that never change; a service that ends would end all of them.
                let (never, continuation) = AsyncStream.makeStream(of: Void.self)
                for await _ in never {}
                continuation.finish()
            } catch is CancellationError {
                return
            }
        }
    }
}

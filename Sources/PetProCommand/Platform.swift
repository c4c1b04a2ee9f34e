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
    /// The services' addresses.
    let addresses: [ServiceName: Address]
    let dataFolder: String
    /// Demo data, and responses that say which calls they caused.
    let isDemo: Bool
    /// The logarithm of scrypt's N.
    let passwordCost: Int
    let vendorsNeedApproval: Bool
    let callLog: CallLog
    let logger: Logger

    init(
        addresses: [ServiceName: Address], dataFolder: String, isDemo: Bool = false, passwordCost: Int = 17,
        vendorsNeedApproval: Bool = false, callLog: CallLog = CallLog(), logger: Logger
    ) {
        self.addresses = addresses
        self.dataFolder = dataFolder
        self.isDemo = isDemo
        self.passwordCost = passwordCost
        self.vendorsNeedApproval = vendorsNeedApproval
        self.callLog = callLog
        self.logger = logger
    }

    /// The names the parts have in the diagrams.
    static func participant(_ service: ServiceName) -> String {
        switch service {
        case .auth: "AuthService"
        case .booking: "BookingService"
        case .vendor: "VendorService"
        case .product: "ProductService"
        }
    }

    /// A client for a service; what it calls is noted under its trace.
    func client(to service: ServiceName, from caller: String) throws -> RookeryClient {
        guard let address = addresses[service] else {
            throw CommandFailure(message: "no address for \(service.rawValue): give --\(service.rawValue) HOST:PORT")
        }
        var configuration = TCPClientConfiguration(host: address.host, port: address.port)
        configuration.sendsMetadata = true
        return RookeryClient(
            transport: TCPTransport(configuration, logger: logger),
            interceptors: [callLog.interceptor(from: caller, to: Self.participant(service))])
    }

    /// What runs for one service, in the order in which it starts.
    struct ServiceParts {
        let server: RookeryServer
        let others: [any Service]
        /// To be called when everything has stopped.
        let close: @Sendable () async throws -> Void
    }

    /// Opens a service's database and puts the service together.
    func parts(of service: ServiceName) async throws -> ServiceParts {
        guard let address = addresses[service] else {
            throw CommandFailure(message: "no address for \(service.rawValue)")
        }
        let name = Self.participant(service)
        var configuration = ServerConfiguration(host: address.host, port: address.port)
        configuration.name = service.rawValue
        let path = "\(dataFolder)/\(service.rawValue).sqlite"
        let database: Database
        var others: [any Service] = []
        let routes: [Route]
        var close: @Sendable () async throws -> Void = {}
        switch service {
        case .auth:
            database = try open(path, AuthController.migrations)
            let auth = try await AuthController(database: database, passwordCost: passwordCost)
            if isDemo { try await auth.enterDemoUsers() }
            let sweeper = PendingUserSweeper(
                database: database, vendors: VendorAPIClient(try client(to: .vendor, from: name)))
            others.append(
                PeriodicService("pending accounts", every: .seconds(60), logger: logger) { try await sweeper.sweep() })
            routes = AuthAPIContract.routes(for: auth)
            close = { try await auth.shutDown() }
        case .vendor:
            database = try open(path, VendorController.migrations)
            let vendors = VendorController(database: database, needsApproval: vendorsNeedApproval)
            if isDemo { try await vendors.enterDemoVendors() }
            routes = VendorAPIContract.routes(for: vendors)
        case .booking:
            database = try open(path, BookingController.migrations)
            let bookings = BookingController(
                database: database, vendors: VendorAPIClient(try client(to: .vendor, from: name)))
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
        others.append(try relay(for: database, from: name))
        let closeService = close
        return ServiceParts(
            server: try RookeryServer(configuration: configuration, routes: routes, logger: logger), others: others,
            close: {
                try await closeService()
                try database.close()
            })
    }

    private func open(_ path: String, _ migrations: [Migration]) throws -> Database {
        do {
            try FileManager.default.createDirectory(atPath: dataFolder, withIntermediateDirectories: true)
            return try Database(path: path, migrations: migrations)
        } catch {
            throw CommandFailure(message: "cannot open the database \(path): \(error)")
        }
    }

    private func relay(for database: Database, from name: String) throws -> OutboxRelay {
        var subscribers: [ServiceName: RookeryClient] = [:]
        for service in Set(EventType.allCases.flatMap(\.subscribers)) where addresses[service] != nil {
            subscribers[service] = try client(to: service, from: name)
        }
        return OutboxRelay(database: database, subscribers: subscribers, logger: logger, now: Instant.current)
    }

    /// Puts the gateway together.
    func gateway(
        _ http: Address, onRunning: @escaping @Sendable (Int) async -> Void = { _ in }
    ) throws -> Gateway {
        let name = "APIGateway"
        var clients: [ServiceName: RookeryClient] = [:]
        for service in ServiceName.allCases { clients[service] = try client(to: service, from: name) }
        let pings = clients
        var configuration = Gateway.Configuration(host: http.host, port: http.port)
        configuration.exposesCalls = isDemo
        let services = Gateway.Services(
            auth: AuthAPIClient(try client(to: .auth, from: name)),
            bookings: BookingAPIClient(try client(to: .booking, from: name)),
            vendors: VendorAPIClient(try client(to: .vendor, from: name)),
            products: ProductAPIClient(try client(to: .product, from: name)),
            ping: { service in
                guard let client = pings[service] else { return false }
                do {
                    // Any answer is a sign of life; that no handler is for it is the usual one.
                    _ = try await client.send("$petpro.ping", .null, timeout: .seconds(1))
                    return true
                } catch let error as CallError {
                    return error.code == .noHandler
                } catch {
                    return false
                }
            })
        return Gateway(
            configuration: configuration, services: services, callLog: callLog, traceId: ServiceEnvironment.randomID,
            logger: logger, onRunning: onRunning)
    }
}

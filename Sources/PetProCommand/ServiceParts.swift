import APIGateway
import AuthService
import BookingService
import CommandSupport
import Logging
import PetProContracts
import PetProStorage
import ProductService
import Rookery
import ServiceLifecycle
import VendorService

/// What runs for one instance of a service.
struct ServiceParts: Sendable {
    let server: RookeryServer
    /// In the order in which they start.
    let others: [any Service]
    private let destinations: [Destination]
    private let database: Database

    /// Closes what the instance has open; to be called when everything has stopped.
    func close() async throws {
        for destination in destinations { await destination.close() }
        try database.close()
    }

    /// Puts an instance together, to serve at an address; what is open is closed again when something fails.
    init(_ service: ServiceName, at address: Instance, _ platform: Platform) async throws {
        let database = try Self.open(service, platform)
        self.database = database
        var needs: [ServiceName: Destination] = [:]
        do {
            do {
                try await database.claim(platform.store.demo ? .demo : .live)
            } catch let error as StoreKind.Mismatch {
                throw CommandFailure("\(Self.path(service, platform)): \(error)")
            }
            needs = try Self.needs(of: service, platform)
            destinations = Array(needs.values)
            let name = Platform.participant(service)
            let clients = Dictionary(
                uniqueKeysWithValues: needs.map { ($0, platform.client($1, $0, from: name)) })
            let (routes, work) = try await Self.controller(service, database, clients, platform)
            var configuration = platform.settings.servers[service] ?? ServerConfiguration()
            configuration.host = address.host
            configuration.port = address.port
            server = try RookeryServer(
                configuration: configuration, routes: routes, health: Self.health(database, service, needs),
                logger: platform.logger)
            others =
                work + [
                    OutboxRelay(
                        database: database, subscribers: clients, logger: platform.logger, now: Instant.current),
                    PeriodicService("old replies and events", every: .seconds(600), logger: platform.logger) {
                        try await IdempotencyKey.forgetOld(in: database, at: .current())
                    },
                ] + needs.values.map { DestinationService($0) }
        } catch {
            for destination in needs.values { await destination.close() }
            try? database.close()
            throw error
        }
    }

    private static func path(_ service: ServiceName, _ platform: Platform) -> String {
        "\(platform.store.data)/\(service.rawValue).sqlite"
    }

    private static func open(_ service: ServiceName, _ platform: Platform) throws -> Database {
        try platform.store.prepareFolder()
        let migrations =
            switch service {
            case .auth: AuthController.migrations
            case .booking: BookingController.migrations
            case .vendor: VendorController.migrations
            case .product: ProductController.migrations
            }
        let path = path(service, platform)
        do {
            return try Database(path: path, migrations: migrations)
        } catch {
            throw CommandFailure("cannot open the database \(path): \(error)")
        }
    }

    /// The services that one calls, or tells of its events.
    private static func needs(of service: ServiceName, _ platform: Platform) throws -> [ServiceName: Destination] {
        var needs: [ServiceName: Destination] = [:]
        if service == .auth || service == .booking { needs[.vendor] = try platform.destination(.vendor) }
        let told = EventType.allCases.filter { $0.publisher == service }.flatMap(\.subscribers)
        for subscriber in Set(told) where platform.sources[subscriber] != nil && needs[subscriber] == nil {
            needs[subscriber] = try platform.destination(subscriber)
        }
        return needs
    }

    /// What a service does: its routes, and its work in the background.
    private static func controller(
        _ service: ServiceName, _ database: Database, _ clients: [ServiceName: RookeryClient], _ platform: Platform
    ) async throws -> (routes: [Route], work: [any Service]) {
        let logger = platform.logger
        let vendors = clients[.vendor].map { VendorAPIClient($0) }
        switch service {
        case .auth:
            let auth = try await AuthController(
                database: database, signingKeys: platform.store.signingKeysPath,
                passwordCost: platform.passwordCost, logger: logger)
            if platform.store.demo { try await auth.enterDemoUsers() }
            guard let vendors else { throw CommandFailure("auth needs an address for vendor") }
            let sweeper = PendingUserSweeper(database: database, vendors: vendors, logger: logger)
            let work = PeriodicService("pending accounts", every: .seconds(60), logger: logger) {
                try await sweeper.sweep()
            }
            return (AuthAPIContract.routes(for: auth), [work])
        case .vendor:
            let controller = VendorController(database: database, needsApproval: platform.vendorsNeedApproval)
            if platform.store.demo { try await controller.enterDemoVendors() }
            return (VendorAPIContract.routes(for: controller), [])
        case .booking:
            guard let vendors else { throw CommandFailure("booking needs an address for vendor") }
            let bookings = BookingController(database: database, vendors: vendors)
            if platform.store.demo { try await bookings.enterDemoPets() }
            let work = PeriodicService("expired bookings", every: .seconds(30), logger: logger) {
                // A full batch may have left some.
                while try await bookings.cancelExpired() == 100 {}
            }
            return (BookingAPIContract.routes(for: bookings), [work])
        case .product:
            let products = try await ProductController(database: database)
            if platform.store.demo { try await products.enterDemoProducts() }
            let work = PeriodicService("expired reservations", every: .seconds(10), logger: logger) {
                // A full batch may have left some.
                while try await products.expireReservations() == 100 {}
            }
            return (ProductAPIContract.routes(for: products), [work])
        }
    }

    /// The database is needed for everything; the services it calls, for some.
    private static func health(
        _ database: Database, _ service: ServiceName, _ needs: [ServiceName: Destination]
    ) -> [HealthCheck] {
        let own = HealthCheck("database") { _ = try await database.read { try $0.exists("SELECT 1") } }
        let called = needs.filter { $0.key != service }.sorted { $0.key.rawValue < $1.key.rawValue }
        return [own] + called.map { name, destination in HealthCheck(name.rawValue, isRequired: false, destination) }
    }
}

import APIGateway
import CommandSupport
import Logging
import PetProContracts
import PetProStorage
import Rookery
import ServiceLifecycle

/// Where everything is, and how it is put together.
struct Platform: Sendable {
    /// Where the services' instances are found.
    let sources: [ServiceName: InstanceSource]
    let settings: Settings
    let store: StoreOptions
    /// The logarithm of scrypt's N.
    let passwordCost: Int
    let vendorsNeedApproval: Bool
    /// Which calls each request caused, in demo mode.
    let callLog: CallLog?
    let logger: Logger

    init(
        sources: [ServiceName: InstanceSource], settings: Settings, store: StoreOptions, passwordCost: Int,
        vendorsNeedApproval: Bool, logger: Logger
    ) {
        self.sources = sources
        self.settings = settings
        self.store = store
        self.passwordCost = passwordCost
        self.vendorsNeedApproval = vendorsNeedApproval
        self.logger = logger
        callLog = store.demo ? CallLog() : nil
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

    /// A service as another one calls it.
    func destination(_ service: ServiceName) throws -> Destination {
        guard let source = sources[service] else {
            throw CommandFailure("no address for \(service.rawValue): give --\(service.rawValue) HOST:PORT")
        }
        let discovery: any Discovery
        do {
            discovery = try source.discovery(logger: logger)
        } catch {
            throw CommandFailure("--\(service.rawValue): \(error)")
        }
        return try Destination(
            tcp: service.rawValue, settings.destinations[service] ?? DestinationConfiguration(), discovery: discovery,
            logger: logger
        ) { $0.sendsMetadata = true }
    }

    /// A client of a destination; in demo mode what it calls is noted under its trace.
    func client(_ destination: Destination, _ service: ServiceName, from caller: String) -> RookeryClient {
        RookeryClient(
            destination,
            interceptors: callLog.map { [$0.interceptor(from: caller, to: Self.participant(service))] } ?? [])
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
                throw CommandFailure("no address for \(service.rawValue)")
            }
            return self.client(destination, service, from: name)
        }
        var configuration = settings.gateway
        configuration.host = http.host
        configuration.port = http.port
        let all = destinations
        let services = Gateway.Services(
            auth: AuthAPIClient(try client(.auth)), bookings: BookingAPIClient(try client(.booking)),
            vendors: VendorAPIClient(try client(.vendor)), products: ProductAPIClient(try client(.product)),
            health: { service in
                guard let destination = all[service] else { return .down("no address") }
                return await ServiceHealth(asking: destination)
            })
        let gateway = try Gateway(
            configuration: configuration, services: services, callLog: callLog, traceId: ServiceEnvironment.traceID,
            logger: logger, onRunning: onRunning)
        return destinations.values.map { DestinationService($0) } + [gateway]
    }
}

import ArgumentParser
import Foundation
import NIOCore
import PetProContracts
import Rookery
import ServiceLifecycle
import UnixSignals

/// What `petpro serve` can run.
enum Part: String, ExpressibleByArgument, CaseIterable {
    case auth, booking, vendor, product, gateway

    var service: ServiceName? { ServiceName(rawValue: rawValue) }
}

struct Serve: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Runs one service, or the gateway, in a process of its own.",
        discussion: """
            The addresses of the services are options, or else the environment's PETPRO_AUTH, PETPRO_BOOKING, \
            PETPRO_VENDOR and PETPRO_PRODUCT, or else ports 4001 to 4004 of this machine. Several instances are \
            HOST:PORT,HOST:PORT, or file:PATH, a file with one a line that may change, or dns:HOST:PORT, all addresses \
            of a name. A service listens at its own address, or at --listen.
            """)

    @Argument(help: "auth, booking, vendor, product or gateway.")
    var part: Part
    @Option(help: "Auth's address.")
    var auth: InstanceSource?
    @Option(help: "Booking's address.")
    var booking: InstanceSource?
    @Option(help: "Vendor's address.")
    var vendor: InstanceSource?
    @Option(help: "Product's address.")
    var product: InstanceSource?
    @Option(help: ArgumentHelp("Where the service listens, if it is one instance of several.", valueName: "host:port"))
    var listen: Instance?
    @Option(help: "The address of the HTTP gateway.")
    var http = Instance(host: "127.0.0.1", port: 8080)
    @Option(help: "The folder of the database; it is made if need be.")
    var data = "data"
    @Flag(help: "Enter demo data into an empty database.")
    var demo = false
    @Flag(help: "New vendors wait for an admin before they can be booked.")
    var vendorsNeedApproval = false
    @OptionGroup var settings: SettingsOptions
    @OptionGroup var passwords: PasswordOptions
    @OptionGroup var logging: LoggingOptions

    func validate() throws {
        if part == .gateway, listen != nil { throw ValidationError("the gateway listens at --http, not at --listen") }
    }

    func run() async throws {
        let logger = logging.logger()
        let sources = try self.sources()
        let reader = try await settings.reader()
        let platform = Platform(
            sources: sources, settings: try await SettingsOptions.destinations(reader),
            servers: try await SettingsOptions.servers(reader), dataFolder: data, isDemo: demo,
            passwordCost: passwords.passwordCost,
            vendorsNeedApproval: vendorsNeedApproval, logger: logger)
        var services: [any Service]
        var close: @Sendable () async throws -> Void = {}
        var server: RookeryServer?
        if let service = part.service {
            let parts = try await platform.parts(of: service, at: try ownAddress(service, sources))
            services = [parts.server] + parts.others
            server = parts.server
            close = parts.close
        } else {
            let http = self.http
            services = try platform.gateway(http) { Terminal.line("ready http://\(http.host):\($0)") }
        }
        let group = ServiceGroup(
            configuration: .init(services: services, gracefulShutdownSignals: [.sigterm, .sigint], logger: logger))
        let listening = server
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await group.run() }
            tasks.addTask {
                guard let address = try await listening?.boundAddress else { return }
                Terminal.line("ready \(address.ipAddress ?? ""):\(address.port ?? 0)")
            }
            try await tasks.waitForAll()
        }
        try await close()
    }

    private func ownAddress(_ service: ServiceName, _ sources: [ServiceName: InstanceSource]) throws -> Instance {
        if let listen { return listen }
        if case .list(let instances)? = sources[service], instances.count == 1 { return instances[0] }
        throw CommandFailure(message: "\(service.rawValue) has several instances: say with --listen which this is")
    }

    private func sources() throws -> [ServiceName: InstanceSource] {
        let given: [ServiceName: InstanceSource?] = [
            .auth: auth, .booking: booking, .vendor: vendor, .product: product,
        ]
        let ports: [ServiceName: Int] = [.auth: 4001, .booking: 4002, .vendor: 4003, .product: 4004]
        var sources: [ServiceName: InstanceSource] = [:]
        for service in ServiceName.allCases {
            if case let source?? = given[service] {
                sources[service] = source
                continue
            }
            let key = "PETPRO_\(service.rawValue.uppercased())"
            if let text = ProcessInfo.processInfo.environment[key] {
                guard let source = InstanceSource(text) else {
                    throw CommandFailure(
                        message:
                            "\(key) must be HOST:PORT, several with commas, file:PATH or dns:HOST:PORT, not \(text)")
                }
                sources[service] = source
                continue
            }
            sources[service] = .list([Instance(host: "127.0.0.1", port: ports[service] ?? 0)])
        }
        return sources
    }
}

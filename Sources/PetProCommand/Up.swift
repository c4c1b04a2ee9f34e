import ArgumentParser
import AuthService
import Foundation
import Logging
import NIOCore
import PetProContracts
import Rookery
import ServiceLifecycle
import UnixSignals

struct Up: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Runs the whole platform in one process, each service on its own TCP port.",
        discussion: """
            The services listen on --base-port and the three ports after it: auth, booking, vendor, product; further \
            instances on the ports after those. Instances of a service share its database, and calls are balanced over \
            them. Ctrl-C finishes what is under way and stops.
            """)

    @Flag(help: "Enter demo data into an empty platform, and say in each response which calls it caused.")
    var demo = false
    @Option(help: "The address of the HTTP gateway.")
    var http = Instance(host: "127.0.0.1", port: 8080)
    @Option(help: "The port of the first service.")
    var basePort = 4001
    @Option(help: "The folder of the databases; it is made if need be.")
    var data = "data"
    @Flag(help: "New vendors wait for an admin before they can be booked.")
    var vendorsNeedApproval = false
    @Option(help: "How many instances of a service run, such as booking=2,vendor=2.")
    var instances = InstanceCounts()
    @OptionGroup var settings: SettingsOptions
    @OptionGroup var passwords: PasswordOptions
    @OptionGroup var logging: LoggingOptions

    func validate() throws {
        let last = 65_536 - instances.total
        if !(1...last).contains(basePort) { throw ValidationError("--base-port must be 1 to \(last)") }
    }

    func run() async throws {
        let addresses = instances.addresses(from: basePort)
        let logger = logging.logger()
        let reader = try await settings.reader()
        let platform = Platform(
            sources: Dictionary(grouping: addresses, by: \.service).mapValues { .list($0.map(\.address)) },
            settings: try await SettingsOptions.destinations(reader),
            servers: try await SettingsOptions.servers(reader), dataFolder: data, isDemo: demo,
            passwordCost: passwords.passwordCost, vendorsNeedApproval: vendorsNeedApproval, logger: logger)
        var parts: [Platform.ServiceParts] = []
        for (service, address) in addresses {
            Terminal.line("starting \(service.rawValue) on \(address)")
            parts.append(try await platform.parts(of: service, at: address))
        }
        let servers = parts.map(\.server)
        let http = self.http
        let demo = self.demo
        Terminal.line("starting gateway on \(http)")
        let gateway = try platform.gateway(http) { port in
            // The gateway must not say ready before the services listen. A failure to listen ends the whole group.
            for server in servers { _ = try? await server.boundAddress }
            Self.ready("http://\(http.host):\(port)", demo: demo)
        }
        // They stop in the opposite order: first the gateway, then what sends events, then the servers.
        let services: [any Service] = servers + parts.flatMap(\.others) + gateway
        let group = ServiceGroup(
            configuration: .init(
                services: services, gracefulShutdownSignals: [.sigterm, .sigint], logger: logger))
        try await group.run()
        for part in parts { try await part.close() }
        Terminal.line("stopped")
    }

    private static func ready(_ url: String, demo: Bool) {
        Terminal.line(
            """

            \(Terminal.strong("ready \(url)"))

            Try next:
              curl \(url)/api/vendors
              curl \(url)/api/products/9001/availability
              petpro demo --url \(url)       the three flows, step by step
            """)
        if demo {
            Terminal.line(
                """
                Demo accounts, all with the password \(AuthController.demoPassword):
                  maya@petpro.example (customer), marigold@petpro.example (vendor), admin@petpro.example (admin)
                """)
        }
        Terminal.line("Ctrl-C stops.")
    }
}

/// How many instances of each service run: `booking=2,vendor=2`, the others once.
struct InstanceCounts: ExpressibleByArgument, Sendable {
    private static let order: [ServiceName] = [.auth, .booking, .vendor, .product]
    private var counts: [ServiceName: Int] = [:]

    init() {}

    init?(argument: String) {
        for part in argument.split(separator: ",", omittingEmptySubsequences: false) {
            let sides = part.split(separator: "=", omittingEmptySubsequences: false)
            guard sides.count == 2, let service = ServiceName(rawValue: String(sides[0])), counts[service] == nil,
                let count = Int(sides[1]), (1...16).contains(count)
            else { return nil }
            counts[service] = count
        }
    }

    var defaultValueDescription: String { "one of each" }

    private func count(_ service: ServiceName) -> Int { counts[service] ?? 1 }
    var total: Int { Self.order.reduce(0) { $0 + count($1) } }

    /// The first instances in their order, then the others.
    func addresses(from port: Int) -> [(service: ServiceName, address: Instance)] {
        let first = Self.order.map { ($0, 0) }
        let others = Self.order.flatMap { service in (1..<max(1, count(service))).map { (service, $0) } }
        return (first + others).enumerated().map { at, item in
            (item.0, Instance(host: "127.0.0.1", port: port + at))
        }
    }
}

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
            The services listen on --base-port and the three ports after it: auth, booking, vendor, product. Ctrl-C \
            finishes what is under way and stops.
            """)

    @Flag(help: "Enter demo data into an empty platform, and say in each response which calls it caused.")
    var demo = false
    @Option(help: "The address of the HTTP gateway.")
    var http = Address(host: "127.0.0.1", port: 8080)
    @Option(help: "The port of the first service.")
    var basePort = 4001
    @Option(help: "The folder of the databases; it is made if need be.")
    var data = "data"
    @Flag(help: "New vendors wait for an admin before they can be booked.")
    var vendorsNeedApproval = false
    @OptionGroup var passwords: PasswordOptions
    @OptionGroup var logging: LoggingOptions

    func validate() throws {
        if !(1...65_532).contains(basePort) { throw ValidationError("--base-port must be 1 to 65532") }
    }

    func run() async throws {
        let order: [ServiceName] = [.auth, .booking, .vendor, .product]
        var addresses: [ServiceName: Address] = [:]
        for (at, service) in order.enumerated() {
            addresses[service] = Address(host: "127.0.0.1", port: basePort + at)
        }
        let logger = logging.logger()
        let platform = Platform(
            addresses: addresses, dataFolder: data, isDemo: demo, passwordCost: passwords.passwordCost,
            vendorsNeedApproval: vendorsNeedApproval, logger: logger)
        var parts: [Platform.ServiceParts] = []
        for service in order {
            Terminal.line("starting \(service.rawValue) on \(addresses[service]?.description ?? "")")
            parts.append(try await platform.parts(of: service))
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
        let services: [any Service] = servers + parts.flatMap(\.others) + [gateway]
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

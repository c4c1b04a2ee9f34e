import ArgumentParser
import CommandSupport
import Foundation
import PetProContracts
import Rookery
import ServiceLifecycle
import UnixSignals
import NIOCore

struct Serve: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Runs one service, or the gateway, in a process of its own.",
        discussion: """
            An option gives the address of each service, or else the environment does: PETPRO_AUTH, PETPRO_BOOKING, \
            PETPRO_VENDOR and PETPRO_PRODUCT. The defaults are ports 4001 to 4004 of this machine.

            An address is HOST:PORT, several of them separated by commas, file:PATH or dns:HOST:PORT. A file has one \
            HOST:PORT per line and may change while the program runs. dns:HOST:PORT stands for all addresses of the \
            name. A service listens on its own address, or on --listen.

            With --console or --demo at every part, the gateway's /console draws what happens in all of them. The OTEL_* variables send spans \
            to a collector: docs/platform.md.
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
    @Option(help: ArgumentHelp("The address to listen on, for one of several instances.", valueName: "host:port"))
    var listen: Instance?
    @Option(help: "The address of the HTTP gateway.")
    var http = Instance(host: "127.0.0.1", port: 8080)
    @OptionGroup var store: StoreOptions
    @Flag(help: "New vendors need an admin's approval before customers can book them.")
    var vendorsNeedApproval = false
    @OptionGroup var settings: SettingsOptions
    @OptionGroup var trust: TrustOptions
    @OptionGroup var console: ConsoleOptions
    @OptionGroup var passwords: PasswordOptions
    @OptionGroup var metrics: MetricsOptions
    @OptionGroup var logging: LoggingOptions

    func validate() throws {
        if part == .gateway, listen != nil { throw ValidationError("the gateway listens on --http, not on --listen") }
    }

    func run() async throws {
        DescriptorLimit.raise()
        var settings = try await self.settings.read()
        settings.share(
            .current, gateway: part == .gateway, instances: part.service.map { [$0: 1] } ?? [:])
        let sources = try self.sources()
        let (logger, levels) = logging.start()
        let registry = metrics.start()
        let platform = Platform(
            sources: sources, settings: settings, store: store, keys: try trust.prepare(store), trust: trust,
            console: console, passwordCost: passwords.passwordCost,
            vendorsNeedApproval: vendorsNeedApproval, export: try ExportOptions.settings(of: "petpro-\(part.rawValue)"),
            isAlone: false,
            isMeasured: registry != nil, logger: logger)
        let exporter: (any Service)? = platform.exporter
        let observers = [levels, exporter].compactMap { $0 }
        guard let service = part.service else {
            try store.check([http])
            let http = self.http
            return try await run(
                try platform.gateway(http, collectsSpans: true) {
                    let url = "\(platform.scheme)://\(http.host):\($0)"
                    Terminal.line("ready \(url)")
                    if let page = platform.consoleURL(url) { Terminal.line("console \(page)") }
                }, platform, observers + [metrics.service(registry, logger)].compactMap { $0 })
        }
        let address = try ownAddress(service, sources)
        try store.check([address])
        let parts = try await ServiceInstance(Modules.module(service), at: address, platform, tellsSpans: true)
        do {
            try await withThrowingDiscardingTaskGroup { tasks in
                // A group stops its services in reverse order, so that handlers can call until the server has drained.
                tasks.addTask {
                    let shown = metrics.service(registry, of: parts.server, logger)
                    try await run(
                        parts.clients + [parts.server] + parts.others, platform, observers + [shown].compactMap { $0 })
                }
                tasks.addTask {
                    let address = try await parts.server.boundAddress
                    Terminal.line("ready \(address.ipAddress ?? ""):\(address.port ?? 0)")
                }
            }
        } catch {
            // Closes the instance, and reports the first failure rather than a failure to close.
            try? await parts.close()
            throw error
        }
        try await parts.close()
    }

    private func run(
        _ services: [any Service], _ platform: Platform, _ observers: [any Service]
    ) async throws {
        let group = ServiceGroup(
            configuration: .init(
                services: observers + [platform.audit] + services,
                gracefulShutdownSignals: [.sigterm, .sigint],
                logger: platform.logger))
        try await group.run()
    }

    private func ownAddress(_ service: ServiceName, _ sources: [ServiceName: InstanceSource]) throws -> Instance {
        if let listen { return listen }
        if case .list(let instances)? = sources[service], instances.count == 1 { return instances[0] }
        throw CommandFailure("\(service.rawValue) has several instances: give the address of this one with --listen")
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

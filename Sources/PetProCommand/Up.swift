import ArgumentParser
import AuthService
import CommandSupport
import Logging
import PetProContracts
import Rookery
import ServiceLifecycle
import UnixSignals

struct Up: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Runs the whole platform in one process, each service on its own TCP port.",
        discussion: """
            The services listen on --base-port and the three ports after it: auth, booking, vendor, product. Further \
            instances listen on the ports after those. Instances of a service share its database, and clients balance \
            calls over them. Ctrl-C finishes the calls in progress and stops.

            The OTEL_* variables send spans to a collector: docs/platform.md.
            """)

    private static let defaultHTTP = Instance(host: "127.0.0.1", port: 8080)
    private static let defaultBasePort = 4001

    @Option(help: "The address of the HTTP gateway.")
    var http = defaultHTTP
    @Option(help: "The port of the first service.")
    var basePort = defaultBasePort
    @OptionGroup var store: StoreOptions
    @Flag(help: "New vendors need an admin's approval before customers can book them.")
    var vendorsNeedApproval = false
    @Option(help: "The number of instances of each service, such as booking=2,vendor=2.")
    var instances = InstanceCounts()
    @Flag(help: "Do not open the console in a browser.")
    var noOpen = false
    @Flag(help: "Print every setting with its value and origin, and start nothing.")
    var printConfig = false
    @Flag(help: "With --print-config: print JSON.")
    var json = false
    @OptionGroup var settings: SettingsOptions
    @OptionGroup var trust: TrustOptions
    @OptionGroup var console: ConsoleOptions
    @OptionGroup var passwords: PasswordOptions
    @OptionGroup var metrics: MetricsOptions
    @OptionGroup var logging: LoggingOptions

    func validate() throws {
        let last = 65_536 - instances.total
        if !(1...last).contains(basePort) { throw ValidationError("--base-port must be 1 to \(last)") }
        if json, !printConfig { throw ValidationError("--json needs --print-config") }
    }

    func run() async throws {
        DescriptorLimit.raise()
        var settings = try await self.settings.read()
        settings.share(.current, gateway: true, instances: instances.counts)
        if printConfig { return show(settings) }
        try store.check([http])
        let addresses = instances.addresses(from: basePort)
        let (logger, levels) = logging.start()
        let registry = metrics.start()
        let platform = Platform(
            sources: Dictionary(grouping: addresses, by: \.service).mapValues { .list($0.map(\.address)) },
            settings: settings, store: store, keys: try trust.prepare(store), trust: trust,
            console: console, passwordCost: passwords.passwordCost,
            vendorsNeedApproval: vendorsNeedApproval, export: try ExportOptions.settings(of: "petpro"), isAlone: true,
            isMeasured: registry != nil, logger: logger)
        var parts: [ServiceInstance] = []
        do {
            for (service, address) in addresses {
                Terminal.line("starting \(service.rawValue) on \(address)")
                parts.append(try await ServiceInstance(Modules.module(service), at: address, platform))
            }
            let exporter: (any Service)? = platform.exporter
            try await serve(parts, platform, [levels, metrics.service(registry, logger), exporter].compactMap { $0 })
        } catch {
            // Closes every instance, and reports the first failure rather than a failure to close.
            for part in parts { try? await part.close() }
            throw error
        }
        for part in parts { try await part.close() }
        Terminal.line("stopped")
    }

    private func serve(
        _ parts: [ServiceInstance], _ platform: Platform, _ observers: [any Service]
    ) async throws {
        let servers = Servers(servers: parts.map(\.server))
        Terminal.line("starting gateway on \(http)")
        let gateway = try platform.gateway(http) { port in
            // Prints `ready` only if all servers listen. The failure of a server ends the program with a message.
            guard (try? await servers.listening()) != nil else { return }
            ready("\(platform.scheme)://\(http.host):\(port)", platform)
        }
        // The group stops services in reverse order: the gateway, the event relays, the servers, then the clients that the
        // handlers of the servers call through, and the audit log.
        let group = ServiceGroup(
            configuration: .init(
                services: observers + [platform.audit] + parts.flatMap(\.clients) + [servers]
                    + parts.flatMap(\.others) + gateway,
                gracefulShutdownSignals: [.sigterm, .sigint],
                logger: platform.logger))
        try await group.run()
    }

    private func ready(_ url: String, _ platform: Platform) {
        Terminal.line(
            """

            \(Terminal.strong("ready \(url)"))

            Try next:
              curl \(url)/api/vendors
              curl \(url)/api/products/9001/availability
              petpro demo --url \(url)       the three flows, step by step
            """)
        if store.demo {
            Terminal.line(
                """
                The console: \(url)/console shows every request as a sequence diagram while it happens.
                Spans of other programs go to \(url)/v1/traces, with the token in \(ConsoleOptions.folder(store))/otlp-token.
                Demo accounts, all with the password \(AuthController.demoPassword):
                  maya@petpro.example (customer), marigold@petpro.example (vendor), admin@petpro.example (admin)
                """)
        }
        if let page = platform.consoleURL(url) {
            if !store.demo { Terminal.line("The console, once and within 15 minutes: \(page)") }
            if !noOpen { Browser.open(page, by: ConsoleOptions.folder(store) + "/open.html") }
        }
        Terminal.line("Ctrl-C stops.")
    }

    private func show(_ settings: Settings) {
        func option(_ name: String, _ value: String, _ isDefault: Bool) -> Settings.Line {
            Settings.Line(key: name, value: value, origin: isDefault ? "default" : "option")
        }
        let options = [
            option("--http", "\(http)", http == Self.defaultHTTP),
            option("--base-port", "\(basePort)", basePort == Self.defaultBasePort),
            option("--data", store.data, store.data == DatabaseOptions.defaultFolder),
            option("--database", store.databases.shown, store.databases.server == nil),
            option("--signing-keys", store.signingKeysPath, store.signingKeys == nil),
            option("--keys", trust.path(store), trust.keys == nil),
            option("--open", "\(trust.open)", trust.open.services.isEmpty),
            option("--tls", trust.tls ?? "none", trust.tls == nil),
            option("--demo", "\(store.demo)", !store.demo),
            option("--public-demo", "\(store.publicDemo)", !store.publicDemo),
            option("--console", "\(console.console)", !console.console),
            option("--vendors-need-approval", "\(vendorsNeedApproval)", !vendorsNeedApproval),
            option("--password-cost", "\(passwords.passwordCost)", passwords.passwordCost == 17),
            option("--log-level", logging.logLevel, logging.logLevel == "notice"),
            option("--log-format", logging.logFormat.rawValue, logging.logFormat == .text),
        ]
        let instances = self.instances.counts.sorted { $0.key.rawValue < $1.key.rawValue }.map { service, count in
            option("--instances \(service.rawValue)", "\(count)", count == 1)
        }
        let lines = options + instances + settings.lines
        if json {
            let values: [JSONValue] = lines.map {
                ["key": .string($0.key), "value": .string($0.value), "origin": .string($0.origin)]
            }
            return Terminal.line(JSONValue.array(values).jsonText)
        }
        for line in lines { Terminal.line("\(line.key) = \(line.value)  (\(line.origin))") }
    }
}

import APIGateway
import CommandSupport
import Foundation
import Logging
import OTLPTraces
import PetProAssembly
import PetProContracts
import PetProRuntime
import PetProStorage
import Rookery
import RookeryCore
import ServiceLifecycle

/// The addresses, settings and options that all parts of the platform share.
struct Platform: Sendable {
    /// Where to find the instances of each service.
    private(set) var sources: [ServiceName: InstanceSource]
    let settings: Settings
    let store: StoreOptions
    let keys: KeyFolder
    let trust: TrustOptions
    let console: ConsoleOptions
    let options: ServiceOptions
    /// Opens the console once.
    let consoleToken = ConsoleSecret.make()
    /// The audit log of this process.
    let audit: AuditLog
    /// Keeps the spans of the last requests for a console, or if they are exported. Otherwise nil, for the bootstrapped tracer, if
    /// any.
    let tracer: BoundedTracer?
    /// Where spans are sent. Nil if they are not.
    private let export: ExportSettings?
    /// Whether the metrics of this process are shown.
    let isMeasured: Bool
    let logger: Logger

    init(
        sources: [ServiceName: InstanceSource], settings: Settings, store: StoreOptions, keys: KeyFolder,
        trust: TrustOptions, console: ConsoleOptions, passwordCost: Int, vendorsNeedApproval: Bool,
        export: ExportSettings?, isAlone: Bool, isMeasured: Bool, logger: Logger
    ) {
        self.isMeasured = isMeasured
        self.sources = sources
        self.settings = settings
        self.store = store
        self.keys = keys
        self.trust = trust
        self.console = console
        self.logger = logger
        options = ServiceOptions(
            demo: store.demo, signingKeys: store.signingKeysPath, passwordCost: passwordCost,
            vendorsNeedApproval: vendorsNeedApproval)
        audit = AuditLog(folder: store.auditFolder, logger: logger, now: Instant.current)
        // A console of another process asks for spans a quarter of a second later. The console of this one takes them at the end of a
        // request. Fewer spans stay in the cache of a core, which is worth more than all else that tracing costs.
        // Messages of the demo are read for the console too. Those of a real platform would cost its processors more than all spans do.
        tracer =
            store.demo || console.console || export != nil
            ? BoundedTracer(traces: isAlone ? 256 : 2048, messages: store.demo ? 16 : 0) : nil
        self.export = export
    }

    /// Sends the spans of this process to a collector. Nil if the environment names none.
    var exporter: SpanExporter? {
        guard let export, let tracer else { return nil }
        return SpanExporter(tracer: tracer, settings: export, logger: logger)
    }

    /// The file of the keys with which services encrypt personal data for each other. Nil if the folder has none, as one
    /// that an earlier version made.
    var fieldKeys: String? { FileManager.default.fileExists(atPath: keys.fieldKeys) ? keys.fieldKeys : nil }

    /// The scheme of the gateway's address.
    var scheme: String { settings.gateway.tls.certificate == nil ? "http" : "https" }

    /// Creates a client of a service, which shows the key of `holder`.
    ///
    /// Throws ``CommandSupport/CommandFailure`` if the service has no address, or if the client cannot be created.
    func client(_ service: ServiceName, as holder: KeyHolder) throws -> RookeryClient {
        guard let source = sources[service] else { throw CommandFailure("\(MissingClient(service: service))") }
        var configuration = settings.clients[service] ?? ClientConfiguration(service.rawValue, instances: source)
        configuration.instances = source
        if configuration.key == nil { configuration.key = keys.key(of: holder.rawValue) }
        if configuration.fields.keys == nil { configuration.fields.keys = fieldKeys }
        if let certificates = trust.certificates, !configuration.tls.isOn {
            configuration.tls.roots = certificates.authority
            // The certificates have the services' names, wherever the services run.
            configuration.tls.name = service.rawValue
            configuration.tls.certificate = certificates.certificate(of: holder.rawValue)
            configuration.tls.key = certificates.key(of: holder.rawValue)
        }
        do {
            return try RookeryClient(configuration, tracer: tracer, logger: logger)
        } catch {
            throw CommandFailure(
                "calls to \(service.rawValue): \(error)\n`petpro keys create \(holder.rawValue)` makes a key that is missing."
            )
        }
    }

    /// Whether this process tells a console what it does.
    var tellsConsole: Bool { store.demo || console.console }

    /// The console's URL at a gateway with this URL. It opens the console once, except in demo mode, where anyone on this machine may.
    func consoleURL(_ address: String) -> String? {
        // Every address of this machine is no name of it.
        let url = address.replacing("//0.0.0.0:", with: "//127.0.0.1:").replacing("//[::]:", with: "//127.0.0.1:")
        return tellsConsole ? url + "/console" + (store.demo ? "" : "#token=\(consoleToken)") : nil
    }

    /// The instances that the console asks.
    private func spanSources() throws -> [SpanSource] {
        try ServiceName.allCases.compactMap { service in
            guard let source = sources[service] else { return nil }
            return SpanSource(service, discovery: try source.discovery(logger: logger)) { instance in
                var own = self
                own.sources[service] = .list([instance])
                let client = try own.client(service, as: .gateway)
                // One that is stopped must not hold up the others for long.
                let patient = client.with { $0.timeout = .milliseconds(500) }
                return InstanceClient(
                    telemetry: TelemetryAPIClient(patient), faults: FaultAPIClient(patient),
                    close: { await client.close() })
            }
        }
    }

    /// Creates the gateway, and the clients that it calls services with.
    ///
    /// `onRunning` gets the HTTP port once the gateway listens.
    /// If the services run in other processes, `collectsSpans` has the console collect their spans.
    func gateway(
        _ http: Instance, collectsSpans: Bool = false, onRunning: @escaping @Sendable (Int) async -> Void = { _ in }
    ) throws -> [any Service] {
        let clients = try ServiceName.allCases.map { ($0, try self.client($0, as: .gateway)) }
        let byName = Dictionary(uniqueKeysWithValues: clients)
        @Sendable func client(_ service: ServiceName) throws(MissingClient) -> RookeryClient {
            guard let client = byName[service] else { throw MissingClient(service: service) }
            return client
        }
        var configuration = settings.gateway
        configuration.host = http.host
        configuration.port = http.port
        // Spans that are only exported are shown to no client of the gateway.
        if !store.demo { configuration.showsCalls = false }
        configuration.console = try console.configuration(
            configuration.console, store, port: http.port, token: consoleToken)
        let services = Gateway.Services(
            auth: AuthAPIClient(try client(.auth)), bookings: BookingAPIClient(try client(.booking)),
            vendors: VendorAPIClient(try client(.vendor)), products: ProductAPIClient(try client(.product)),
            health: { service in
                guard let client = byName[service] else { return .down("no address") }
                return await ServiceHealth(asking: client)
            },
            eventLog: { service in
                let patient = try client(service).with { $0.timeout = .seconds(2) }
                return try await EventLogAPIClient(patient).describeEventLog(DescribeEventLog(limit: 100))
            }, replay: { try await EventLogAPIClient(try client($0)).replayDeadLetter($1) },
            send: { service, command, message, key in
                let own = try client(service).with { $0.idempotencyKey = key }
                return try await own._request(command, message, as: JSONValue?.self)
            })
        let gateway = try Gateway(
            configuration: configuration, services: services, audit: audit.auditor("gateway"), tracer: tracer,
            sources: tellsConsole ? try spanSources() : [],
            collectsSpans: collectsSpans && tellsConsole, logger: logger, onRunning: onRunning)
        let measured: [any Service] =
            isMeasured ? [ClientGauges.service(clients.map(\.1), of: "gateway", logger: logger)] : []
        return clients.map(\.1) + measured + [gateway]
    }
}

import CommandSupport
import Logging
import PetProAssembly
import PetProContracts
import PetProRuntime
import PetProStorage
import Rookery
import ServiceLifecycle
import APIGateway

/// One instance of a service: its server, its database, and its clients of other services.
struct ServiceInstance: Sendable {
    let server: RookeryServer
    /// The services that run beside the server, in the order in which they start.
    let others: [any Service]
    /// Its clients of other services. A group must stop them after the server, whose handlers call through them.
    let clients: [RookeryClient]
    private let database: Database

    /// Closes the clients and the database. Call it after the server and the other services have stopped.
    func close() async throws {
        for client in clients { await client.close() }
        try database.close()
    }

    /// Opens the database, and creates the clients and the server of an instance that will listen on `address`.
    ///
    /// If a step fails, it closes what it opened.
    /// `tellsSpans` has it tell a console in another process about its spans, if it has any.
    init(
        _ module: any ServiceModule.Type, at address: Instance, _ platform: Platform, tellsSpans: Bool = false
    ) async throws {
        let database = try await Self.open(module, platform)
        self.database = database
        var clients: [ServiceName: RookeryClient] = [:]
        do {
            try await Self.claim(database, module, platform)
            clients = try Self.clients(of: module, platform)
            let audit = platform.audit.auditor(module.name.rawValue)
            let lease = WorkLease(database: database, logger: platform.logger)
            let resources = ServiceResources(
                database: database, lease: lease, clients: clients, options: platform.options,
                audit: audit, logger: platform.logger)
            let assembled = try await module.assemble(resources)
            var configuration = platform.settings.servers[module.name] ?? ServerConfiguration()
            configuration.host = address.host
            configuration.port = address.port
            if platform.trust.open.services.contains(module.name) {
                configuration.keys = nil
            } else if configuration.keys == nil {
                configuration.keys = platform.keys.keyring
            }
            configuration.onKeyUse = { caller in
                audit.record(AuditEvent(.keyUsed, actor: "service \(caller.service)", object: caller.keyID))
            }
            if configuration.fields.keys == nil { configuration.fields.keys = platform.fieldKeys }
            if let certificates = platform.trust.certificates {
                if configuration.tls.certificate == nil {
                    configuration.tls.certificate = certificates.certificate(of: module.name.rawValue)
                    configuration.tls.key = certificates.key(of: module.name.rawValue)
                }
                if configuration.tls.clients == nil { configuration.tls.clients = certificates.authority }
            }
            let faults = platform.store.demo ? FaultSwitch() : nil
            var served = assembled.service
            if let faults {
                let intercepted = served.intercepted(by: faults)
                served = RookeryService(intercepted.routes + FaultAPIContract.service(faults).routes)
            }
            if platform.tellsConsole {
                let feed = EventLogFeed(of: module.name, in: database)
                served = RookeryService(served.routes + EventLogAPIContract.service(feed).routes)
            }
            if tellsSpans, platform.tellsConsole, let tracer = platform.tracer {
                served = RookeryService(served.routes + TelemetryAPIContract.service(SpanFeed(tracer)).routes)
            }
            server = try RookeryServer(
                configuration, services: served, health: Self.health(database, module.name, clients),
                tracer: platform.tracer, logger: platform.logger)
            let player: [any Service] = if let faults { [faults.playing(server, logger: platform.logger)] } else { [] }
            let rules = RetentionRule.common(of: module.name) + module.retention
            others =
                [lease] + assembled.work + player + [
                    EventRelay(
                        of: module.name, database: database, clients: clients, lease: lease, logger: platform.logger,
                        now: Instant.current),
                    PeriodicService(
                        "what is too old", every: .seconds(600), logger: platform.logger, when: { lease.isHeld }
                    ) {
                        for rule in rules {
                            do {
                                _ = try await rule.apply(to: database, at: .current())
                            } catch {
                                // The others need not wait for it.
                                platform.logger.error(
                                    "what is too old was not deleted",
                                    metadata: ["what": "\(rule.name)", "error": "\(error)"])
                            }
                        }
                    },
                    PersonalDataWorker(
                        database: database, tables: module.sealedTables, logger: platform.logger, now: Instant.current
                    ) { try module.erase($0, in: $1, at: .current()) },
                ]
                + (platform.isMeasured
                    ? [
                        StoreGauges.service(of: module.name, database, lease, logger: platform.logger),
                        ClientGauges.service(Array(clients.values), of: module.name.rawValue, logger: platform.logger),
                        ServerGauges.service(server, of: module.name.rawValue, logger: platform.logger),
                    ] : [])
            self.clients = Array(clients.values)
        } catch {
            for client in clients.values { await client.close() }
            // Reports the first failure rather than a failure to close.
            try? database.close()
            throw error
        }
    }

    /// How long a start waits for a database server that is not reachable: 20 s.
    private static let patience = 20

    private static func open(_ module: any ServiceModule.Type, _ platform: Platform) async throws -> Database {
        try platform.store.prepareFolder()
        let place = platform.store.databases.place(of: module.name)
        let keys = try platform.store.openEncryptionKeys(logger: platform.logger)
        for attempt in 0... {
            do {
                return try place.open(module.migrations, platform.store.protection(of: module.name, keys))
            } catch let error as EngineError where error.kind == .unavailable && attempt < patience {
                if attempt == 0 { Terminal.note("waiting for the database \(place): \(error)") }
                try await Task.sleep(for: .seconds(1))
            } catch {
                throw CommandFailure("cannot open the database \(place): \(error)")
            }
        }
        throw CommandFailure("cannot open the database \(place)")
    }

    /// Marks the database as demo data or live data.
    ///
    /// Throws ``CommandSupport/CommandFailure`` if it holds the other kind.
    private static func claim(
        _ database: Database, _ module: any ServiceModule.Type, _ platform: Platform
    ) async throws {
        do {
            try await database.claim(platform.store.demo ? .demo : .live)
        } catch let error as StoreKind.Mismatch {
            throw CommandFailure("\(platform.store.databases.place(of: module.name)): \(error)")
        }
    }

    /// Creates clients of the services that the module calls, and of the services that subscribe to its events.
    private static func clients(
        of module: any ServiceModule.Type, _ platform: Platform
    ) throws -> [ServiceName: RookeryClient] {
        var clients: [ServiceName: RookeryClient] = [:]
        for service in module.needs { clients[service] = try platform.client(service, as: KeyHolder(module.name)) }
        let told = EventType.allCases.filter { $0.publisher == module.name }.flatMap(\.subscribers)
        for subscriber in Set(told) where platform.sources[subscriber] != nil && clients[subscriber] == nil {
            clients[subscriber] = try platform.client(subscriber, as: KeyHolder(module.name))
        }
        return clients
    }

    /// Returns the database as a required check, and the other services as optional ones.
    ///
    /// Without an optional one, the instance is degraded.
    private static func health(
        _ database: Database, _ name: ServiceName, _ clients: [ServiceName: RookeryClient]
    ) -> [HealthCheck] {
        let own = HealthCheck("database") { _ = try await database.read { try $0.exists("SELECT 1") } }
        let called = clients.filter { $0.key != name }.sorted { $0.key.rawValue < $1.key.rawValue }
        return [own] + called.map { name, client in HealthCheck(name.rawValue, isRequired: false, client) }
    }
}

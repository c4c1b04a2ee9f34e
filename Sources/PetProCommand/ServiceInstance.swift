import CommandSupport
import Logging
import PetProAssembly
import PetProContracts
import PetProRuntime
import PetProStorage
import Rookery
import ServiceLifecycle
import APIGateway

/// One instance of a service: its server, its database, the clients of the services that it needs.
struct ServiceInstance: Sendable {
    let server: RookeryServer
    /// What runs beside the server, in the order in which it starts.
    let others: [any Service]
    private let clients: [RookeryClient]
    private let database: Database

    /// Closes what the instance has open; to be called when everything has stopped.
    func close() async throws {
        for client in clients { await client.close() }
        try database.close()
    }

    /// Puts an instance together, to serve at an address; what is open is closed again when something fails.
    init(_ module: any ServiceModule.Type, at address: Instance, _ platform: Platform) async throws {
        let database = try Self.open(module, platform)
        self.database = database
        var clients: [ServiceName: RookeryClient] = [:]
        do {
            try await Self.claim(database, module, platform)
            clients = try Self.clients(of: module, platform)
            let resources = ServiceResources(
                database: database, clients: clients, options: platform.options, logger: platform.logger)
            let assembled = try await module.assemble(resources)
            var configuration = platform.settings.servers[module.name] ?? ServerConfiguration()
            configuration.host = address.host
            configuration.port = address.port
            server = try RookeryServer(
                configuration, services: assembled.service, health: Self.health(database, module.name, clients),
                tracer: platform.tracer, logger: platform.logger)
            let services: [any Service] = clients.values.map { $0 } + assembled.work
            others =
                services + [
                    OutboxRelay(
                        database: database, subscribers: clients, logger: platform.logger, now: Instant.current),
                    PeriodicService("old replies and events", every: .seconds(600), logger: platform.logger) {
                        try await IdempotencyKey.forgetOld(in: database, at: .current())
                    },
                ]
            self.clients = Array(clients.values)
        } catch {
            for client in clients.values { await client.close() }
            // The first failure is the one that counts.
            try? database.close()
            throw error
        }
    }

    private static func path(_ name: ServiceName, _ platform: Platform) -> String {
        "\(platform.store.data)/\(name.rawValue).sqlite"
    }

    private static func open(_ module: any ServiceModule.Type, _ platform: Platform) throws -> Database {
        try platform.store.prepareFolder()
        let path = path(module.name, platform)
        do {
            return try Database(path: path, migrations: module.migrations)
        } catch {
            throw CommandFailure("cannot open the database \(path): \(error)")
        }
    }

    /// A demo's database is no other platform's, and the other way round.
    private static func claim(
        _ database: Database, _ module: any ServiceModule.Type, _ platform: Platform
    ) async throws {
        do {
            try await database.claim(platform.store.demo ? .demo : .live)
        } catch let error as StoreKind.Mismatch {
            throw CommandFailure("\(path(module.name, platform)): \(error)")
        }
    }

    /// Clients of the services that one calls, or tells of its events.
    private static func clients(
        of module: any ServiceModule.Type, _ platform: Platform
    ) throws -> [ServiceName: RookeryClient] {
        var clients: [ServiceName: RookeryClient] = [:]
        for service in module.needs { clients[service] = try platform.client(service) }
        let told = EventType.allCases.filter { $0.publisher == module.name }.flatMap(\.subscribers)
        for subscriber in Set(told) where platform.sources[subscriber] != nil && clients[subscriber] == nil {
            clients[subscriber] = try platform.client(subscriber)
        }
        return clients
    }

    /// The database is needed for everything; the services it calls, for some.
    private static func health(
        _ database: Database, _ name: ServiceName, _ clients: [ServiceName: RookeryClient]
    ) -> [HealthCheck] {
        let own = HealthCheck("database") { _ = try await database.read { try $0.exists("SELECT 1") } }
        let called = clients.filter { $0.key != name }.sorted { $0.key.rawValue < $1.key.rawValue }
        return [own] + called.map { name, client in HealthCheck(name.rawValue, isRequired: false, client) }
    }
}

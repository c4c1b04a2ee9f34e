import APIGateway
import Configuration
import PetProContracts
import Rookery
import SystemPackage
import PetProAssembly

/// All settings that are in force.
struct Settings: Sendable {
    /// The settings of calls to each service.
    var clients: [ServiceName: ClientConfiguration] = [:]
    /// The settings of each service's server.
    var servers: [ServiceName: ServerConfiguration] = [:]
    var gateway = Gateway.Configuration()
    private let log: SettingsLog

    init(_ reader: ConfigReader, _ log: SettingsLog) async throws {
        self.log = log
        for module in Modules.all {
            var client = Self.client(module.name)
            try await client.read(reader, contracts: module.contract)
            clients[module.name] = client
            var own = Self.server
            // Booking calls Vendor. Messages that wait for a slow Vendor instance must not hold up all others.
            if module.name == .booking { Self.admitMany(&own.shedding) }
            own.name = module.name.rawValue
            try await own.read(reader)
            servers[module.name] = own
        }
        Self.wait(&gateway.shedding)
        Self.admitMany(&gateway.shedding)
        try await gateway.read(reader)
    }

    /// The defaults of calls to a service. An option later supplies the instances.
    private static func client(_ service: ServiceName) -> ClientConfiguration {
        var defaults = ClientConfiguration(service.rawValue, instances: .list([]))
        // The services read the metadata and continue the trace.
        defaults.sendsMetadata = true
        // A write may wait for another instance that was stopped during its own write. A retry would not finish sooner,
        // so an attempt gets half of the call's timeout.
        defaults.retry.attemptTimeout = defaults.timeout / 2
        // About as many calls as finish within the timeout.
        defaults.concurrency.maximumCalls = 4096
        // About as many hashes as a large machine finishes within the timeout.
        if service == .auth { defaults.groups[AuthGroups.passwords, default: .init()].maximumCalls = 256 }
        // More watches than one gateway opens, so that a second gateway has room.
        if service == .product { defaults.groups[ProductGroups.watches, default: .init()].maximumCalls = 512 }
        return defaults
    }

    /// The defaults of each server.
    ///
    /// Five listeners share a machine. These limits keep all of them together well below 400 MiB.
    private static var server: ServerConfiguration {
        var defaults = ServerConfiguration()
        wait(&defaults.shedding)
        defaults.limits.frame = 2 * 1024 * 1024
        defaults.limits.memory = 24 * 1024 * 1024
        defaults.limits.connectionMemory = 12 * 1024 * 1024
        defaults.drainTimeout = .seconds(15)
        return defaults
    }

    /// Lets up to 4096 messages wait up to 4 s for a permit.
    ///
    /// A process that was stopped while it held the database's lock makes writes wait. A write then waits about as long
    /// as its caller does, and so do the messages behind it.
    private static func wait(_ shedding: inout Shedding) {
        shedding.patience = .seconds(4)
        shedding.waiting = 4096
    }

    /// Sets the limit of a gate to 2000 permits at first and at least.
    ///
    /// 2000 concurrent messages finish within the 5 s timeout of calls, and more do not. Latency does not show overload
    /// here, because a message mostly waits for another service.
    private static func admitMany(_ shedding: inout Shedding) {
        shedding.minimum = 2000
        shedding.initial = 2000
    }

    /// Divides the process's connections among its listeners. `instances` is the number of instances of each service.
    mutating func share(_ descriptors: DescriptorLimit, gateway: Bool, instances: [ServiceName: Int]) {
        // Each browser has its own connection, but a service has few peers. So a gateway gets half, and alone it gets all.
        let all = descriptors.connections
        let count = instances.values.reduce(0, +)
        let own = gateway ? (count == 0 ? all : all / 2) : 0
        if gateway { self.gateway.limits.connections = min(self.gateway.limits.connections, max(1, own)) }
        let rest = all - own
        let share = max(1, rest / max(1, count))
        for service in instances.keys {
            guard let limit = servers[service]?.limits.connections else { continue }
            servers[service]?.limits.connections = min(limit, share)
        }
    }

    /// A setting with its value and the origin of the value, as text.
    struct Line: Sendable {
        let key: String
        let value: String
        let origin: String
    }

    /// All settings with their values and origins.
    var lines: [Line] {
        var shown: [ShownSetting] = gateway.shownSettings
        for service in ServiceName.allCases {
            shown += servers[service]?.shownSettings ?? []
            shown += clients[service]?.shownSettings ?? []
        }
        return shown.map { setting in
            let found = log.origin(setting.keys)
            return Line(
                key: setting.keys[0], value: setting.value,
                origin: found.map { $0.key == setting.keys[0] ? $0.origin : "\($0.origin), \($0.key)" } ?? "default")
        }
    }
}

import APIGateway
import Configuration
import PetProContracts
import Rookery
import SystemPackage
import PetProAssembly

/// Every setting as it is in force.
struct Settings: Sendable {
    /// How each service is called.
    var clients: [ServiceName: ClientConfiguration] = [:]
    /// How each service serves.
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
            // It asks Vendor: what is held up by an instance of that must not hold up what is not.
            if module.name == .booking { Self.admitMany(&own.shedding) }
            own.name = module.name.rawValue
            try await own.read(reader)
            servers[module.name] = own
        }
        Self.wait(&gateway.shedding)
        Self.admitMany(&gateway.shedding)
        try await gateway.read(reader)
    }

    /// Where its instances are is said by an option.
    private static func client(_ service: ServiceName) -> ClientConfiguration {
        var defaults = ClientConfiguration(service.rawValue, instances: .list([]))
        // The services take it, and continue the trace.
        defaults.sendsMetadata = true
        // A write may wait for another instance that was stopped in the middle of its own, and is not done sooner for being
        // sent again: an attempt gets half of the time there is.
        defaults.retry.attemptTimeout = defaults.timeout / 2
        // As many as are done in that time.
        defaults.concurrency.maximumCalls = 4096
        // Hashes that are done in that time, on a large machine.
        if service == .auth { defaults.groups[AuthGroups.passwords, default: .init()].maximumCalls = 256 }
        // More than the gateway watches, so that a second gateway has room.
        if service == .product { defaults.groups[ProductGroups.watches, default: .init()].maximumCalls = 512 }
        return defaults
    }

    /// Five listeners share a machine: together they keep well below 400 MiB, whatever peers do.
    private static var server: ServerConfiguration {
        var defaults = ServerConfiguration()
        wait(&defaults.shedding)
        defaults.limits.frame = 2 * 1024 * 1024
        defaults.limits.memory = 24 * 1024 * 1024
        defaults.limits.connectionMemory = 12 * 1024 * 1024
        defaults.drainTimeout = .seconds(15)
        return defaults
    }

    /// A write may wait for a writer that was stopped with the database's lock in its hand. It waits as long as its caller
    /// does, and so does what comes behind it.
    private static func wait(_ shedding: inout Shedding) {
        shedding.patience = .seconds(4)
        shedding.waiting = 4096
    }

    /// Two thousand at once are done within the five seconds that calls have; more are not. How long each takes says nothing
    /// about that: mostly it waits for another service.
    private static func admitMany(_ shedding: inout Shedding) {
        shedding.minimum = 2000
        shedding.initial = 2000
    }

    /// Shares the process's open files between the listeners of `parts`, of which each service has so many.
    mutating func share(_ descriptors: DescriptorLimit, gateway: Bool, instances: [ServiceName: Int]) {
        // A browser has a connection of its own, a service's peers are few: half is the gateway's where there is one.
        let all = descriptors.connections
        if gateway { self.gateway.limits.connections = min(self.gateway.limits.connections, max(1, all / 2)) }
        let rest = gateway ? all / 2 : all
        let count = instances.values.reduce(0, +)
        let share = max(1, rest / max(1, count))
        for service in instances.keys {
            guard let limit = servers[service]?.limits.connections else { continue }
            servers[service]?.limits.connections = min(limit, share)
        }
    }

    /// A setting with where its value came from, for people.
    struct Line: Sendable {
        let key: String
        let value: String
        let origin: String
    }

    /// Every setting, its value, and where that came from.
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

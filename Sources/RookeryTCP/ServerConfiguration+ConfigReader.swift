public import Configuration
package import RookeryResilience

// The settings of a server, from the environment, a file, or whatever a `ConfigReader` reads: each under
// `rookery.services.<name>`, then under `rookery.server`, which is for all of them.
extension ServerConfiguration {
    /// Reads a service's settings over `defaults`; what is not configured stays as it is there. The address is not among them.
    ///
    /// Durations are text with a unit: `250ms`, `5s`, `2m`. Throws ``RookeryResilience/InvalidSetting`` with the whole key of a
    /// setting that cannot be read, and ``Invalid`` for one that cannot work.
    public init(_ reader: ConfigReader, service: String, defaults: ServerConfiguration) async throws {
        self = defaults
        for setting in Self.settings { try await setting.read(reader, Self.scopes(service), into: &self) }
        do {
            try validate()
        } catch {
            throw Invalid(description: "rookery.services.\(service).\(error.description)")
        }
    }

    private static func scopes(_ service: String) -> [[String]] {
        [["rookery", "services", service], ["rookery", "server"]]
    }

    /// Every setting of a service's server as it is in force.
    package func shownSettings(_ service: String) -> [ShownSetting] {
        Self.settings.map { $0.shown(self, Self.scopes(service)) }
    }

    private static var settings: [ConfigSetting<ServerConfiguration>] {
        [
            .integer("limits.frame", \.limits.frame),
            .integer("limits.inFlight", \.limits.inFlight),
            .integer("limits.streams", \.limits.streams),
            .integer("limits.metadata", \.limits.metadata),
            .integer("limits.memory", \.limits.memory),
            .integer("limits.connectionMemory", \.limits.connectionMemory),
            .integer("limits.connections", \.limits.connections),
            .integer("limits.connectionsPerPeer", \.limits.connectionsPerPeer),
            .duration("limits.incompleteFrame", \.limits.incompleteFrame),
            .duration("limits.idle", \.limits.idle),
            .integer("limits.unsentPause", \.limits.unsentPause),
            .duration("drainTimeout", \.drainTimeout),
            .duration("connectionAge", \.ageOrNever),
        ] + ConfigSetting.shedding(\.shedding)
    }

    /// The age as a duration: 0 is for ever.
    private var ageOrNever: Duration {
        get { connectionAge ?? .zero }
        set { connectionAge = newValue > .zero ? newValue : nil }
    }
}

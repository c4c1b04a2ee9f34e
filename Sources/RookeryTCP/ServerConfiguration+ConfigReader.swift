public import Configuration
package import RookeryCalls
public import RookeryPolicies

// The settings of a server, from the environment, a file, or whatever a `ConfigReader` reads: each under
// `rookery.services.<name>`, then under `rookery.server`, which is for all of them.
extension ServerConfiguration {
    /// Reads what is configured for the service of this ``name``; what is not configured stays as it is. The address is not
    /// among the settings.
    ///
    /// Durations are text with a unit: `250ms`, `5s`, `2m`. Throws ``RookeryPolicies/InvalidSetting`` with the whole key of a
    /// setting that cannot be read, or cannot work.
    public mutating func read(_ reader: ConfigReader) async throws(InvalidSetting) {
        for setting in Self.settings { try await setting.read(reader, Self.scopes(name), into: &self) }
        do {
            try validate()
        } catch {
            throw InvalidSetting("rookery.services.\(name).\(error.key)", error.requirement)
        }
    }

    /// Sets one of the settings by its key, as in configuration: `limits.connections` to `500`, `shedding.mode` to `off`.
    /// `docs/resilience.md` lists them. Throws ``RookeryPolicies/InvalidSetting`` when there is no such setting, or when the
    /// value cannot be read; whether it can work is found out when the server is made.
    public mutating func set(_ key: String, to value: String) throws(InvalidSetting) {
        try ConfigSetting.set(key, to: value, in: &self, of: Self.settings)
    }

    private static func scopes(_ service: String) -> [[String]] {
        [["rookery", "services", service], ["rookery", "server"]]
    }

    /// Every setting of a service's server as it is in force.
    package var shownSettings: [ShownSetting] { Self.settings.map { $0.shown(self, Self.scopes(name)) } }

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
            .boolean("negotiates", \.negotiates),
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

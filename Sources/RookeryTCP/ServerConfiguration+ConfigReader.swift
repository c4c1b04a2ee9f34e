public import Configuration
package import RookeryCalls
public import RookeryPolicies

// Reads the settings of a server from a `ConfigReader`: the environment, a file, or another source. Each setting is
// looked up under `rookery.services.<name>`, then under `rookery.server`, which applies to all services.
extension ServerConfiguration {
    /// Reads the configured settings of the service with this ``name``. Settings that are not configured keep their
    /// values. The address is not among the settings.
    ///
    /// Durations are text with a unit: `250ms`, `5s`, `2m`.
    ///
    /// - Throws: ``RookeryPolicies/InvalidSetting`` with the whole key of a setting that cannot be read or is out of
    ///   range.
    public mutating func read(_ reader: ConfigReader) async throws(InvalidSetting) {
        for setting in Self.settings { try await setting.read(reader, Self.scopes(name), into: &self) }
        do {
            try validate()
        } catch {
            throw InvalidSetting("rookery.services.\(name).\(error.key)", error.requirement)
        }
    }

    /// Sets one setting by its key, as in configuration: `limits.connections` to `500`, `shedding.mode` to `off`.
    /// `docs/resilience.md` lists the keys. This method does not check the value's range; making the server does.
    ///
    /// - Throws: ``RookeryPolicies/InvalidSetting`` if there is no such setting, or if the value cannot be read.
    public mutating func set(_ key: String, to value: String) throws(InvalidSetting) {
        try ConfigSetting.set(key, to: value, in: &self, of: Self.settings)
    }

    private static func scopes(_ service: String) -> [[String]] {
        [["rookery", "services", service], ["rookery", "server"]]
    }

    /// Every setting of the server, with its current value.
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
            .path("keys", \.keys),
            .boolean("forbidsUnknown", \.forbidsUnknown),
            .path("fields.keys", \.fields.keys),
            .choice("fields.mode", \.fields.mode),
            .path("tls.certificate", \.tls.certificate),
            .path("tls.key", \.tls.key),
            .path("tls.clients", \.tls.clients),
        ] + ConfigSetting.shedding(\.shedding)
    }

    /// ``connectionAge`` as a duration; 0 means no limit.
    private var ageOrNever: Duration {
        get { connectionAge ?? .zero }
        set { connectionAge = newValue > .zero ? newValue : nil }
    }
}

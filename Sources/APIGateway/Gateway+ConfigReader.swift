public import Configuration
public import Rookery

// The settings of the gateway, under `petpro.gateway`. The address is not among them.
extension Gateway.Configuration {
    private static let scopes = [["petpro", "gateway"]]

    /// Reads the settings over what is there. Throws ``Rookery/InvalidSetting`` with the whole key of a setting that cannot be
    /// read, or cannot work.
    public mutating func read(_ reader: ConfigReader) async throws(InvalidSetting) {
        for setting in Self.settings { try await setting.read(reader, Self.scopes, into: &self) }
        do throws(InvalidSetting) {
            try limits.validate()
            if hashes < 1 { throw InvalidSetting("hashes", "at least 1, not \(hashes)") }
            if let problem = shedding.problem { throw problem }
        } catch {
            throw InvalidSetting("petpro.gateway.\(error.key)", error.requirement)
        }
    }

    /// Every setting as it is in force.
    package var shownSettings: [ShownSetting] { Self.settings.map { $0.shown(self, Self.scopes) } }

    private static var settings: [ConfigSetting<Gateway.Configuration>] {
        [
            .integer("limits.body", \.limits.body),
            .integer("limits.head", \.limits.head),
            .integer("limits.headerFields", \.limits.headerFields),
            .integer("limits.connections", \.limits.connections),
            .integer("limits.connectionsPerPeer", \.limits.connectionsPerPeer),
            .integer("limits.memory", \.limits.memory),
            .duration("limits.headTimeout", \.limits.headTimeout),
            .duration("limits.bodyTimeout", \.limits.bodyTimeout),
            .duration("limits.idle", \.limits.idle),
            .duration("limits.writeTimeout", \.limits.writeTimeout),
            .integer("limits.streams", \.limits.streams),
            .integer("limits.streamsPerPeer", \.limits.streamsPerPeer),
            .integer("limits.streamTopics", \.limits.streamTopics),
            .integer("hashes", \.hashes),
            .duration("drainTimeout", \.drainTimeout),
        ] + ConfigSetting.shedding(\.shedding)
    }
}

public import Configuration
public import Rookery

// The settings of the gateway, under `petpro.gateway`. The address is not one of them.
extension Gateway.Configuration {
    private static let scopes = [["petpro", "gateway"]]

    /// Overwrites this configuration with the settings that `reader` has.
    ///
    /// Throws ``Rookery/InvalidSetting`` with the full key of a setting that cannot be read or is out of range.
    public mutating func read(_ reader: ConfigReader) async throws(InvalidSetting) {
        for setting in Self.settings { try await setting.read(reader, Self.scopes, into: &self) }
        do throws(InvalidSetting) {
            try limits.validate()
            try rates.validate()
            _ = try TrustedProxies(trustedProxies)
            _ = try AllowedOrigins(origins)
            if let problem = tls.problem { throw problem }
            if let problem = console.problem { throw problem }
            if hashes < 1 { throw InvalidSetting("hashes", "at least 1, not \(hashes)") }
            if let problem = shedding.problem { throw problem }
        } catch {
            throw InvalidSetting("petpro.gateway.\(error.key)", error.requirement)
        }
    }

    /// Every setting with its value in force.
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
            .boolean("showsCalls", \.showsCalls),
            .choice("rates.mode", \.rates.mode),
            .integer("rates.anonymous", \.rates.anonymous),
            .integer("rates.signIns", \.rates.signIns),
            .integer("rates.customer", \.rates.customer),
            .integer("rates.vendor", \.rates.vendor),
            .integer("rates.admin", \.rates.admin),
            .text("trustedProxies", \.trustedProxies),
            .text("origins", \.origins),
            .path("tls.certificate", \.tls.certificate),
            .path("tls.key", \.tls.key),
            .integer("console.requests", \.console.requests),
            .duration("console.slow", \.console.slow),
        ] + ConfigSetting.shedding(\.shedding)
    }
}

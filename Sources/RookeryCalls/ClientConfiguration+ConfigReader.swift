public import Configuration
public import RookeryCore
public import RookeryPolicies

// The settings of a destination, from the environment, a file, or any other source of a `ConfigReader`.
//
// A setting under `rookery.destinations.<name>` overrides the one under `rookery.client`, which is for all
// destinations. So in the environment `ROOKERY_DESTINATIONS_BOOKING_RETRY_MAXIMUM_ATTEMPTS` overrides
// `ROOKERY_CLIENT_RETRY_MAXIMUM_ATTEMPTS`.
extension ClientConfiguration {
    /// Reads the settings of the service of this ``name``. A setting that is not configured keeps its value.
    ///
    /// Reads settings of single groups and commands for those that `contracts` declare, and only under
    /// `rookery.destinations.<name>`. The keys of commands are their names on the wire. Durations are text with a unit:
    /// `250ms`, `5s`, `2m`.
    ///
    /// Throws ``InvalidSetting``. If a value cannot be parsed, the error has the full key of the setting. If a value
    /// cannot work, the error has the key under `rookery.destinations.<name>`, wherever the value came from.
    public mutating func read(
        _ reader: ConfigReader, contracts: ContractDescriptor...
    ) async throws(InvalidSetting) {
        let scopes = Self.scopes(name)
        for setting in Self.settings { try await setting.read(reader, scopes, into: &self) }
        let all = contracts.flatMap(\.commands)
        for group in Set(all.map(\.group)).sorted() {
            let key = scopes[0] + ["groups", group, "maximumCalls"]
            if case .integer(let calls)? = try await ConfigValueKind.integer.read(reader, key) {
                groups[group, default: GroupConfiguration()].maximumCalls = calls
            }
        }
        for command in all.map(\.wireName) {
            let scope = scopes[0] + ["commands", command]
            var own = commands[command] ?? CommandConfiguration()
            if case .duration(let timeout)? = try await ConfigValueKind.duration.read(reader, scope + ["timeout"]) {
                own.timeout = timeout
            }
            if case .integer(let attempts)? = try await ConfigValueKind.integer.read(
                reader, scope + ["maximumAttempts"])
            {
                own.maximumAttempts = attempts
            }
            if own != CommandConfiguration() { commands[command] = own }
        }
        do {
            try validate()
        } catch {
            throw InvalidSetting("rookery.destinations.\(name).\(error.key)", error.requirement)
        }
    }

    /// Sets one setting by its key, as in configuration: `breaker.mode` to `observe`, `retry.maximumAttempts` to `5`.
    ///
    /// `docs/resilience.md` lists the settings. Throws ``InvalidSetting`` if there is no such setting, or if the value
    /// cannot be parsed. Making the client checks whether the value can work.
    public mutating func set(_ key: String, to value: String) throws(InvalidSetting) {
        try ConfigSetting.set(key, to: value, in: &self, of: Self.settings)
    }

    private static func scopes(_ destination: String) -> [[String]] {
        [["rookery", "destinations", destination], ["rookery", "client"]]
    }

    /// Every setting with its current value. Of single groups and commands, only the settings that are set.
    package var shownSettings: [ShownSetting] {
        let scopes = Self.scopes(name)
        var shown = Self.settings.map { $0.shown(self, scopes) }
        func add(_ key: String, _ value: String?) {
            guard let value else { return }
            shown.append(ShownSetting(keys: ["rookery.destinations.\(name).\(key)"], value: value))
        }
        for (name, group) in groups.sorted(by: { $0.key < $1.key }) {
            add("groups.\(name).maximumCalls", group.maximumCalls.map { String($0) })
        }
        for (name, command) in commands.sorted(by: { $0.key < $1.key }) {
            add("commands.\(name).timeout", command.timeout?.text)
            add("commands.\(name).maximumAttempts", command.maximumAttempts.map { String($0) })
        }
        return shown
    }

    private static var settings: [ConfigSetting<ClientConfiguration>] {
        [
            .duration("timeout", \.timeout),
            .choice("concurrency.mode", \.concurrency.mode),
            .integer("concurrency.maximumCalls", \.concurrency.maximumCalls),
            .choice("retry.mode", \.retry.mode),
            .integer("retry.maximumAttempts", \.retry.maximumAttempts),
            .duration("retry.baseDelay", \.retry.baseDelay),
            .duration("retry.overloadedBaseDelay", \.retry.overloadedBaseDelay),
            .duration("retry.maximumDelay", \.retry.maximumDelay),
            .duration("retry.attemptTimeout", \.retry.attemptTimeout),
            .duration("retry.minimumAttemptTimeout", \.retry.minimumAttemptTimeout),
            .choice("budget.mode", \.budget.mode),
            .duration("budget.window", \.budget.window),
            .real("budget.ratio", \.budget.ratio),
            .real("budget.reservePerSecond", \.budget.reservePerSecond),
            .choice("breaker.mode", \.breaker.mode),
            .duration("breaker.window", \.breaker.window),
            .integer("breaker.minimumCalls", \.breaker.minimumCalls),
            .real("breaker.failureRate", \.breaker.failureRate),
            .real("breaker.slowRate", \.breaker.slowRate),
            .real("breaker.slowFraction", \.breaker.slowFraction),
            .duration("breaker.openDuration", \.breaker.openDuration),
            .duration("breaker.maximumOpenDuration", \.breaker.maximumOpenDuration),
            .integer("breaker.probes", \.breaker.probes),
            .choice("balancing", \.balancing),
            .duration("slowStart", \.slowStart),
            .duration("latencyDecay", \.latencyDecay),
            .choice("ejection.mode", \.ejection.mode),
            .integer("ejection.consecutiveFailures", \.ejection.consecutiveFailures),
            .duration("ejection.duration", \.ejection.duration),
            .duration("ejection.maximumDuration", \.ejection.maximumDuration),
            .duration("ejection.interval", \.ejection.interval),
            .duration("ejection.testInterval", \.ejection.testInterval),
            .integer("ejection.minimumInstances", \.ejection.minimumInstances),
            .integer("ejection.minimumCalls", \.ejection.minimumCalls),
            .real("ejection.deviations", \.ejection.deviations),
            .duration("connectTimeout", \.connectTimeout),
            .boolean("negotiates", \.negotiates),
            .boolean("compresses", \.compresses),
            .boolean("sendsMetadata", \.sendsMetadata),
            .path("key", \.key),
            .boolean("sendsKey", \.sendsKey),
            .path("fields.keys", \.fields.keys),
            .choice("fields.mode", \.fields.mode),
            .path("tls.roots", \.tls.roots),
            .path("tls.name", \.tls.name),
            .path("tls.certificate", \.tls.certificate),
            .path("tls.key", \.tls.key),
            .integer("frameLimit", \.frameLimit),
            .integer("streamBuffer", \.streamBuffer),
            .duration("reconnect.base", \.reconnect.base),
            .real("reconnect.factor", \.reconnect.factor),
            .real("reconnect.jitter", \.reconnect.jitter),
            .duration("reconnect.maximum", \.reconnect.maximum),
            .integer("pool.maximumConnections", \.pool.maximumConnections),
            .integer("pool.growAt", \.pool.growAt),
            .integer("pool.maximumWaiting", \.pool.maximumWaiting),
            .duration("pool.pingAfter", \.pool.pingAfter),
            .duration("pool.pingTimeout", \.pool.pingTimeout),
        ]
    }
}

public import Configuration

// The settings of a destination, from the environment, a file, or whatever a `ConfigReader` reads.
//
// Each is looked for under `rookery.destinations.<name>`, then under `rookery.client`, which is for all destinations. So in
// the environment `ROOKERY_DESTINATIONS_BOOKING_RETRY_MAXIMUM_ATTEMPTS` goes before `ROOKERY_CLIENT_RETRY_MAXIMUM_ATTEMPTS`.
extension DestinationConfiguration {
    /// Reads the settings of a destination over `defaults`; what is not configured stays as it is there. Settings of single
    /// commands are read for the names given, as on the wire.
    ///
    /// Durations are text with a unit: `250ms`, `5s`, `2m`. Throws ``Invalid`` with the whole key of the setting that cannot
    /// be read; one that cannot work is named as the destination's, wherever it was set.
    public init(
        _ reader: ConfigReader, destination: String, commands: [String] = [],
        defaults: DestinationConfiguration = DestinationConfiguration()
    ) async throws(Invalid) {
        self = defaults
        let scopes = [["rookery", "destinations", destination], ["rookery", "client"]]
        for setting in Self.settings {
            for scope in scopes {
                let components = scope + setting.key.split(separator: ".").map(String.init)
                guard let value = try await setting.kind.read(reader, components) else { continue }
                try setting.apply(&self, value, components.joined(separator: "."))
                break
            }
        }
        for command in commands {
            let scope = scopes[0] + ["commands", command]
            var own = self.commands[command] ?? CommandConfiguration()
            if case .duration(let timeout)? = try await Kind.duration.read(reader, scope + ["timeout"]) {
                own.timeout = timeout
            }
            if case .integer(let attempts)? = try await Kind.integer.read(reader, scope + ["maximumAttempts"]) {
                own.maximumAttempts = attempts
            }
            if own != CommandConfiguration() { self.commands[command] = own }
        }
        do {
            try validate()
        } catch {
            throw Invalid("rookery.destinations.\(destination).\(error.key)", error.requirement)
        }
    }

    private enum Value {
        case integer(Int)
        case real(Double)
        case text(String)
        case duration(Duration)
    }

    private enum Kind {
        case integer, real, text, duration

        func read(_ reader: ConfigReader, _ components: [String]) async throws(Invalid) -> Value? {
            let key = ConfigKey(components)
            let name = components.joined(separator: ".")
            let text: String?
            do {
                switch self {
                case .integer: return try await reader.fetchInt(forKey: key).map { .integer($0) }
                case .real: return try await reader.fetchDouble(forKey: key).map { .real($0) }
                case .text, .duration: text = try await reader.fetchString(forKey: key)
                }
            } catch {
                throw Invalid(name, "\(requirement): \(error)")
            }
            guard let text else { return nil }
            if case .text = self { return .text(text) }
            guard let duration = Duration(text: text) else {
                throw Invalid(name, "\(requirement), not \(text)")
            }
            return .duration(duration)
        }

        private var requirement: String {
            switch self {
            case .integer: "a whole number"
            case .real: "a number"
            case .text: "a text"
            case .duration: "a duration such as 250ms, 5s or 2m"
            }
        }
    }

    private struct Setting {
        let key: String
        let kind: Kind
        let apply: (inout DestinationConfiguration, Value, String) throws(Invalid) -> Void

        static func integer(_ key: String, _ path: WritableKeyPath<DestinationConfiguration, Int>) -> Setting {
            Setting(key: key, kind: .integer) { (settings, value, _) throws(Invalid) in
                if case .integer(let value) = value { settings[keyPath: path] = value }
            }
        }

        static func real(_ key: String, _ path: WritableKeyPath<DestinationConfiguration, Double>) -> Setting {
            Setting(key: key, kind: .real) { (settings, value, _) throws(Invalid) in
                if case .real(let value) = value { settings[keyPath: path] = value }
            }
        }

        static func duration(_ key: String, _ path: WritableKeyPath<DestinationConfiguration, Duration>) -> Setting {
            Setting(key: key, kind: .duration) { (settings, value, _) throws(Invalid) in
                if case .duration(let value) = value { settings[keyPath: path] = value }
            }
        }

        static func choice<Choice: RawRepresentable<String> & CaseIterable>(
            _ key: String, _ path: WritableKeyPath<DestinationConfiguration, Choice>
        ) -> Setting {
            Setting(key: key, kind: .text) { (settings, value, name) throws(Invalid) in
                guard case .text(let text) = value else { return }
                guard let choice = Choice(rawValue: text) else {
                    let all = Choice.allCases.map(\.rawValue).joined(separator: ", ")
                    throw Invalid(name, "one of \(all), not \(text)")
                }
                settings[keyPath: path] = choice
            }
        }
    }

    private static var settings: [Setting] {
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
            .integer("ejection.minimumInstances", \.ejection.minimumInstances),
            .integer("ejection.minimumCalls", \.ejection.minimumCalls),
            .real("ejection.deviations", \.ejection.deviations),
            .duration("connectTimeout", \.connectTimeout),
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

extension Duration {
    /// Reads a number with `ms`, `s` or `m`; nil when it is none.
    public init?(text: String) {
        let digits = text.prefix { $0.isNumber || $0 == "." }
        guard let number = Double(digits), number >= 0, number < 1e7 else { return nil }
        switch text.dropFirst(digits.count) {
        case "ms": self = .milliseconds(number)
        case "s": self = .seconds(number)
        case "m": self = .seconds(number * 60)
        default: return nil
        }
    }
}

/// How a client treats a destination. Every guard is on by default.
public struct DestinationConfiguration: Sendable, Hashable {
    /// How long a call may take when neither the caller nor the command says, all attempts included; for streams, how long
    /// they may be silent. Default 5000 ms.
    public var timeout: Duration = .milliseconds(5000)
    /// How many calls of each group of commands may be under way.
    public var concurrency = Concurrency()
    /// Which calls are made again.
    public var retry = RetryPolicy()
    /// How many of them.
    public var budget = RetryBudget.Configuration()
    /// When calls are refused: one breaker for each group of commands, and one for each instance.
    public var breaker = CircuitBreaker.Configuration()
    /// Which instance is called.
    public var balancing = Balancing.roundRobin
    /// Which instance is left out.
    public var ejection = Ejection.Configuration()
    /// A new instance gets its full share after that time. Default 10 s.
    public var slowStart: Duration = .seconds(10)
    /// How fast latencies are forgotten when balancing by them. Default 10 s.
    public var latencyDecay: Duration = .seconds(10)
    /// How long connecting may take. Default 1 s.
    public var connectTimeout: Duration = .seconds(1)
    /// How long an instance that cannot be reached is left alone.
    public var reconnect = Backoff()
    /// The connections to each instance.
    public var pool = Pool()
    /// Other settings for some groups of commands, by their names.
    public var groups: [String: GroupConfiguration] = [:]
    /// Other settings for some commands, by their names on the wire: `create-booking`.
    public var commands: [String: CommandConfiguration] = [:]

    /// How many calls of each group of commands may be under way.
    public struct Concurrency: Sendable, Hashable {
        /// Default `.enforce`.
        public var mode = GuardMode.enforce
        /// Further calls of the group fail at once. Default 1024.
        public var maximumCalls = 1024
        /// The defaults.
        public init() {}
    }

    /// The connections to an instance.
    public struct Pool: Sendable, Hashable {
        /// The most. Default 4.
        public var maximumConnections = 4
        /// Calls in flight on each connection before there is another one. Default 100.
        public var growAt = 100
        /// Calls that wait for a connection to be there; further ones fail at once. Default 100.
        public var maximumWaiting = 100
        /// A connection on which nothing has come for so long is asked whether it lives. Default 30 s.
        public var pingAfter: Duration = .seconds(30)
        /// How long it may take to answer that. Default 10 s.
        public var pingTimeout: Duration = .seconds(10)
        /// The defaults.
        public init() {}
    }

    /// What differs for one group of commands.
    public struct GroupConfiguration: Sendable, Hashable {
        /// How many of its calls may be under way.
        public var maximumCalls: Int?
        /// Nothing differs.
        public init() {}
    }

    /// What differs for one command.
    public struct CommandConfiguration: Sendable, Hashable {
        /// How long a call may take.
        public var timeout: Duration?
        /// Attempts of one call.
        public var maximumAttempts: Int?
        /// Nothing differs.
        public init() {}
    }

    /// The defaults.
    public init() {}

    /// A setting that cannot work.
    public typealias Invalid = InvalidSetting

    /// Throws ``Invalid`` for the first setting that cannot work.
    public func validate() throws(Invalid) {
        for (key, value) in [
            ("timeout", timeout), ("retry.attemptTimeout", retry.attemptTimeout), ("budget.window", budget.window),
            ("breaker.window", breaker.window), ("breaker.openDuration", breaker.openDuration),
            ("ejection.duration", ejection.duration), ("ejection.interval", ejection.interval),
            ("connectTimeout", connectTimeout), ("reconnect.base", reconnect.base), ("latencyDecay", latencyDecay),
            ("pool.pingAfter", pool.pingAfter), ("pool.pingTimeout", pool.pingTimeout),
        ] where value <= .zero { throw Invalid(key, "longer than 0, not \(value)") }
        for (key, value) in [
            ("retry.baseDelay", retry.baseDelay), ("retry.overloadedBaseDelay", retry.overloadedBaseDelay),
            ("retry.maximumDelay", retry.maximumDelay), ("slowStart", slowStart),
        ] where value < .zero { throw Invalid(key, "0 or longer, not \(value)") }
        for (key, value) in [
            ("retry.maximumAttempts", retry.maximumAttempts), ("breaker.minimumCalls", breaker.minimumCalls),
            ("breaker.probes", breaker.probes), ("ejection.consecutiveFailures", ejection.consecutiveFailures),
            ("ejection.minimumInstances", ejection.minimumInstances), ("ejection.minimumCalls", ejection.minimumCalls),
            ("concurrency.maximumCalls", concurrency.maximumCalls),
            ("pool.maximumConnections", pool.maximumConnections), ("pool.growAt", pool.growAt),
            ("pool.maximumWaiting", pool.maximumWaiting),
        ] where value < 1 { throw Invalid(key, "at least 1, not \(value)") }
        for (key, value) in [
            ("breaker.failureRate", breaker.failureRate), ("breaker.slowRate", breaker.slowRate),
            ("breaker.slowFraction", breaker.slowFraction),
        ] where !(value > 0 && value <= 1) { throw Invalid(key, "above 0 and at most 1, not \(value)") }
        for (key, value) in [
            ("budget.ratio", budget.ratio), ("budget.reservePerSecond", budget.reservePerSecond),
        ] where !(value >= 0 && value <= 1000) { throw Invalid(key, "0 to 1000, not \(value)") }
        if !(reconnect.jitter >= 0 && reconnect.jitter < 1) {
            throw Invalid("reconnect.jitter", "0 or more and below 1, not \(reconnect.jitter)")
        }
        if !(ejection.deviations > 0) { throw Invalid("ejection.deviations", "above 0, not \(ejection.deviations)") }
        if !(reconnect.factor >= 1) { throw Invalid("reconnect.factor", "at least 1, not \(reconnect.factor)") }
        if reconnect.maximum < reconnect.base {
            throw Invalid("reconnect.maximum", "no shorter than reconnect.base")
        }
        if breaker.maximumOpenDuration < breaker.openDuration {
            throw Invalid("breaker.maximumOpenDuration", "no shorter than breaker.openDuration")
        }
        if ejection.maximumDuration < ejection.duration {
            throw Invalid("ejection.maximumDuration", "no shorter than ejection.duration")
        }
        for (name, group) in groups.sorted(by: { $0.key < $1.key }) {
            if let calls = group.maximumCalls, calls < 1 {
                throw Invalid("groups.\(name).maximumCalls", "at least 1, not \(calls)")
            }
        }
        for (name, command) in commands.sorted(by: { $0.key < $1.key }) {
            if let timeout = command.timeout, timeout <= .zero {
                throw Invalid("commands.\(name).timeout", "longer than 0, not \(timeout)")
            }
            if let attempts = command.maximumAttempts, attempts < 1 {
                throw Invalid("commands.\(name).maximumAttempts", "at least 1, not \(attempts)")
            }
        }
    }
}

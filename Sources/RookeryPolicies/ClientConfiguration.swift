public import RookeryCore
import RookeryWire

/// How a service is called: where it is, how it is talked to, and what stands around each call. Every guard is on by default.
///
/// ```swift
/// var booking = ClientConfiguration("booking", at: "10.0.0.7:4002,10.0.0.8:4002")
/// booking.timeout = .seconds(2)
/// booking.retry.maximumAttempts = 2
/// ```
public struct ClientConfiguration: Sendable {
    /// What the service is called, in logs, metrics and errors. Default: its address.
    public var name: String
    /// Where its instances are.
    package var instances: InstanceSource
    /// How long a call may take when neither the caller nor the command says, all attempts included; for streams, how long
    /// they may be silent. Default 5000 ms.
    public var timeout: Duration = .milliseconds(5000)
    /// How many calls of each group of commands may be under way.
    package var concurrency = Concurrency()
    /// Which calls are made again.
    package var retry = Retry()
    /// How many of them.
    package var budget = Budget()
    /// When calls are refused: one breaker for each group of commands, and one for each instance.
    package var breaker = Breaker()
    /// Which instance is called.
    package var balancing = Balancing.roundRobin
    /// Which instance is left out.
    package var ejection = Ejection()
    /// A new instance gets its full share after that time. Default 10 s.
    package var slowStart: Duration = .seconds(10)
    /// How fast latencies are forgotten when balancing by them. Default 10 s.
    package var latencyDecay: Duration = .seconds(10)
    /// How long connecting may take. Default 1 s.
    package var connectTimeout: Duration = .seconds(1)
    /// How long an instance that cannot be reached is left alone.
    package var reconnect = Reconnect()
    /// The connections to each instance.
    package var pool = Pool()
    /// Other settings for some groups of commands, by their names.
    package var groups: [String: GroupConfiguration] = [:]
    /// Other settings for some commands, by their names on the wire: `create-booking`.
    package var commands: [String: CommandConfiguration] = [:]

    /// The largest frame body, sent or received, in bytes. Default 8 MiB.
    package var frameLimit = FrameDecoder.defaultFrameLimit
    /// Values of a stream that are kept for a consumer that is busy; at that number its connection is not read. Default 256.
    package var streamBuffer = 256
    /// Whether metadata is sent to plain peers too, the remaining time among it. Released versions of Nest ignore it, strict
    /// receivers of other makes may refuse it. Default false; Rookery servers always get it.
    public var sendsMetadata = false
    /// Whether a hello is said, so that a Rookery server speaks binary frames. A Nest server answers that it has no handler
    /// for it and sees nothing else. Default true.
    package var negotiates = true
    /// Which serializer negotiated frames use. Default: JSON.
    public var serializers = SerializerChoice()
    /// Whether large payloads of negotiated frames may be compressed, both ways. Default true.
    package var compresses = true

    /// How many calls of each group of commands may be under way.
    package struct Concurrency: Sendable, Hashable {
        /// Default `.enforce`.
        package var mode = GuardMode.enforce
        /// Further calls of the group fail at once. Default 1024.
        package var maximumCalls = 1024
        package init() {}
    }

    /// The connections to an instance.
    package struct Pool: Sendable, Hashable {
        /// The most. Default 4.
        package var maximumConnections = 4
        /// Calls in flight on each connection before there is another one. Default 100.
        package var growAt = 100
        /// Calls that wait for a connection to be there; further ones fail at once. Default 100.
        package var maximumWaiting = 100
        /// Calls under way on each connection; further ones fail at once. Default 10 000.
        package var maximumPendingCalls = 10_000
        /// A connection on which nothing has come for so long is asked whether it lives. Default 30 s.
        package var pingAfter: Duration = .seconds(30)
        /// How long it may take to answer that. Default 10 s.
        package var pingTimeout: Duration = .seconds(10)
        package init() {}
    }

    /// What differs for one group of commands.
    package struct GroupConfiguration: Sendable, Hashable {
        /// How many of its calls may be under way.
        package var maximumCalls: Int?
        /// Nothing differs.
        package init() {}
    }

    /// What differs for one command.
    package struct CommandConfiguration: Sendable, Hashable {
        /// How long a call may take.
        package var timeout: Duration?
        /// Attempts of one call.
        package var maximumAttempts: Int?
        /// Nothing differs.
        package init() {}
    }

    /// The defaults, for a service whose instances are known.
    package init(_ name: String, instances: InstanceSource) {
        self.name = name
        self.instances = instances
    }

    /// The defaults, for a service at `HOST:PORT`, several with commas, at the addresses that the file of `file:PATH` lists,
    /// or at all addresses of the host of `dns:HOST:PORT`. Throws ``InvalidSetting`` for any other text.
    public init(_ name: String, at address: String) throws(InvalidSetting) {
        guard let instances = InstanceSource(address) else {
            throw InvalidSetting(
                "\(name).address", "HOST:PORT, several with commas, file:PATH or dns:HOST:PORT, not \(address)")
        }
        self.init(name, instances: instances)
    }

    /// The defaults, for a service with one instance.
    public init(host: String, port: Int) {
        let instance = Instance(host: host, port: port)
        self.init(instance.description, instances: .list([instance]))
    }

    /// Throws ``InvalidSetting`` for the first setting that cannot work.
    package func validate() throws(InvalidSetting) {
        for (key, value) in [
            ("timeout", timeout), ("retry.attemptTimeout", retry.attemptTimeout), ("budget.window", budget.window),
            ("breaker.window", breaker.window), ("breaker.openDuration", breaker.openDuration),
            ("ejection.duration", ejection.duration), ("ejection.interval", ejection.interval),
            ("connectTimeout", connectTimeout), ("reconnect.base", reconnect.base), ("latencyDecay", latencyDecay),
            ("pool.pingAfter", pool.pingAfter), ("pool.pingTimeout", pool.pingTimeout),
        ] where value <= .zero { throw InvalidSetting(key, "longer than 0, not \(value)") }
        for (key, value) in [
            ("retry.baseDelay", retry.baseDelay), ("retry.overloadedBaseDelay", retry.overloadedBaseDelay),
            ("retry.maximumDelay", retry.maximumDelay), ("slowStart", slowStart),
        ] where value < .zero { throw InvalidSetting(key, "0 or longer, not \(value)") }
        for (key, value) in [
            ("retry.maximumAttempts", retry.maximumAttempts), ("breaker.minimumCalls", breaker.minimumCalls),
            ("breaker.probes", breaker.probes), ("ejection.consecutiveFailures", ejection.consecutiveFailures),
            ("ejection.minimumInstances", ejection.minimumInstances), ("ejection.minimumCalls", ejection.minimumCalls),
            ("concurrency.maximumCalls", concurrency.maximumCalls),
            ("pool.maximumConnections", pool.maximumConnections), ("pool.growAt", pool.growAt),
            ("pool.maximumWaiting", pool.maximumWaiting),
        ] where value < 1 { throw InvalidSetting(key, "at least 1, not \(value)") }
        for (key, value) in [
            ("breaker.failureRate", breaker.failureRate), ("breaker.slowRate", breaker.slowRate),
            ("breaker.slowFraction", breaker.slowFraction),
        ] where !(value > 0 && value <= 1) { throw InvalidSetting(key, "above 0 and at most 1, not \(value)") }
        for (key, value) in [
            ("budget.ratio", budget.ratio), ("budget.reservePerSecond", budget.reservePerSecond),
        ] where !(value >= 0 && value <= 1000) { throw InvalidSetting(key, "0 to 1000, not \(value)") }
        if !(reconnect.jitter >= 0 && reconnect.jitter < 1) {
            throw InvalidSetting("reconnect.jitter", "0 or more and below 1, not \(reconnect.jitter)")
        }
        if !(ejection.deviations > 0) {
            throw InvalidSetting("ejection.deviations", "above 0, not \(ejection.deviations)")
        }
        if !(reconnect.factor >= 1) { throw InvalidSetting("reconnect.factor", "at least 1, not \(reconnect.factor)") }
        if reconnect.maximum < reconnect.base {
            throw InvalidSetting("reconnect.maximum", "no shorter than reconnect.base")
        }
        if breaker.maximumOpenDuration < breaker.openDuration {
            throw InvalidSetting("breaker.maximumOpenDuration", "no shorter than breaker.openDuration")
        }
        if ejection.maximumDuration < ejection.duration {
            throw InvalidSetting("ejection.maximumDuration", "no shorter than ejection.duration")
        }
        for (name, group) in groups.sorted(by: { $0.key < $1.key }) {
            if let calls = group.maximumCalls, calls < 1 {
                throw InvalidSetting("groups.\(name).maximumCalls", "at least 1, not \(calls)")
            }
        }
        for (name, command) in commands.sorted(by: { $0.key < $1.key }) {
            if let timeout = command.timeout, timeout <= .zero {
                throw InvalidSetting("commands.\(name).timeout", "longer than 0, not \(timeout)")
            }
            if let attempts = command.maximumAttempts, attempts < 1 {
                throw InvalidSetting("commands.\(name).maximumAttempts", "at least 1, not \(attempts)")
            }
        }
    }
}

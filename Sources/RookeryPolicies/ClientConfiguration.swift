public import RookeryCore
import RookeryWire

/// How a client calls a service: the instances, the protocol options, and the guards around each call.
///
/// Every guard is on by default.
///
/// ```swift
/// var booking = try ClientConfiguration("booking", at: "10.0.0.7:4002,10.0.0.8:4002")
/// booking.timeout = .seconds(2)
/// try booking.set("retry.maximumAttempts", to: "2")
/// ```
public struct ClientConfiguration: Sendable {
    /// The name of the service in logs, metrics, errors and keys of settings. A service key is proven to a server of this
    /// name only.
    public var name: String
    /// Where the client finds the instances.
    package var instances: InstanceSource
    /// The timeout of a call, all attempts included, if neither the caller nor the command sets one. Default 5000 ms.
    ///
    /// For a stream, the longest silence before the first value and between values.
    public var timeout: Duration = .milliseconds(5000)
    /// How many calls of each group of commands may be under way.
    package var concurrency = Concurrency()
    /// When the client retries a call.
    package var retry = Retry()
    /// How many retries the destination may get.
    package var budget = Budget()
    /// When a circuit breaker refuses calls. Each group of commands has a breaker, and so has each instance.
    package var breaker = Breaker()
    /// How the client chooses an instance. Default round robin.
    package var balancing = Balancing.roundRobin
    /// When the client ejects an instance.
    package var ejection = Ejection()
    /// The share of calls of a new instance grows from a tenth to its full share in this time. Default 10 s.
    ///
    /// The instances of the first list have their full share at once.
    package var slowStart: Duration = .seconds(10)
    /// The time constant with which ``Balancing/peakEWMA`` forgets latencies. Default 10 s.
    package var latencyDecay: Duration = .seconds(10)
    /// The timeout of connecting, and of the peer's answer to the hello. Default 1 s.
    ///
    /// With TLS or a service key, the handshake and the answers to hello and proof may take as long as ``timeout``.
    package var connectTimeout: Duration = .seconds(1)
    /// How long an unreachable instance backs off.
    package var reconnect = Reconnect()
    /// The connections to each instance.
    package var pool = Pool()
    /// Settings of single groups of commands, by the name of the group.
    package var groups: [String: GroupConfiguration] = [:]
    /// Settings of single commands, by their names on the wire: `create-booking`.
    package var commands: [String: CommandConfiguration] = [:]

    /// The largest frame body, sent or received, in bytes. Default 8 MiB.
    package var frameLimit = FrameDecoder.defaultFrameLimit
    /// How many values of a stream the client keeps for a busy consumer. Default 256.
    ///
    /// At this number the client stops reading the connection of a plain peer, and grants a Rookery peer no more
    /// credit.
    package var streamBuffer = 256
    /// Whether the client sends metadata, with the remaining time, to plain peers too. Default false.
    ///
    /// Released versions of Nest ignore metadata. Strict receivers of other makes may refuse it. Negotiated frames
    /// carry metadata in any case.
    public var sendsMetadata = false
    /// Whether the client sends a hello, so that a Rookery server speaks binary frames. Default true.
    ///
    /// A Nest server answers that it has no handler for the hello, and sees nothing else.
    package var negotiates = true
    /// The serializers of negotiated frames. Default: JSON.
    public var serializers = SerializerChoice()
    /// Whether both sides may compress large payloads of negotiated frames. Default true.
    package var compresses = true

    /// The file of the client's service key, which it proves to servers that ask for one. Default nil: it has none.
    package var key: String?
    /// Whether the client sends the text of its key to plain peers, in the metadata of each message. Default false.
    ///
    /// A listener to such a message can use the key, so encrypt the connection with TLS.
    package var sendsKey = false
    /// The encryption of marked members, for connections without TLS. Default: none.
    package var fields = FieldEncryption()

    /// The encryption of the connections. Default: none.
    package var tls = ClientTLS()

    /// How many calls of each group of commands may be under way.
    package struct Concurrency: Sendable, Hashable {
        /// Whether the client refuses calls over the limit. Default `.enforce`.
        package var mode = GuardMode.enforce
        /// The most calls of a group under way. Further calls fail at once with `tooManyCalls`. Default 1024.
        package var maximumCalls = 1024
        package init() {}
    }

    /// The connections to an instance.
    package struct Pool: Sendable, Hashable {
        /// The most connections that calls share. Default 4.
        ///
        /// A call that starts on an event loop of the client uses that loop's own connection, unless it has `growAt`
        /// calls in flight. With more event loops than this number, there can be one connection per loop. A stream to a
        /// plain peer has a connection of its own.
        package var maximumConnections = 4
        /// The pool opens another connection when all open ones have this many calls in flight. Default 100.
        package var growAt = 100
        /// The most calls that wait until a connection is open. Further ones fail at once with `tooManyCalls`. Default
        /// 100.
        package var maximumWaiting = 100
        /// The most calls under way on a connection. Further ones fail at once with `tooManyCalls`. Default 10 000.
        package var maximumPendingCalls = 10_000
        /// The client pings a connection on which nothing has arrived for this long. Default 30 s.
        package var pingAfter: Duration = .seconds(30)
        /// If nothing arrives for this long after a ping, the client closes the connection. Default 10 s.
        package var pingTimeout: Duration = .seconds(10)
        package init() {}
    }

    /// The settings of one group of commands. Nil: as for all groups.
    package struct GroupConfiguration: Sendable, Hashable {
        /// The most calls of the group under way, instead of ``Concurrency/maximumCalls``.
        package var maximumCalls: Int?
        /// Makes settings that are all nil.
        package init() {}
    }

    /// The settings of one command. Nil: as for all commands.
    package struct CommandConfiguration: Sendable, Hashable {
        /// The timeout of a call, instead of the contract's and of ``ClientConfiguration/timeout``.
        package var timeout: Duration?
        /// The most attempts of a call, instead of ``Retry/maximumAttempts``.
        package var maximumAttempts: Int?
        /// Makes settings that are all nil.
        package init() {}
    }

    /// Makes the default configuration of a service with these instances.
    package init(_ name: String, instances: InstanceSource) {
        self.name = name
        self.instances = instances
    }

    /// Makes the default configuration of a service at an address.
    ///
    /// The address is `HOST:PORT`, or several of them with commas in between. `file:PATH` stands for the addresses in a
    /// file, and `dns:HOST:PORT` for all addresses of a host name. Throws ``InvalidSetting`` for any other text.
    public init(_ name: String, at address: String) throws(InvalidSetting) {
        guard let instances = InstanceSource(address) else {
            throw InvalidSetting(
                "\(name).address", "HOST:PORT, several with commas, file:PATH or dns:HOST:PORT, not \(address)")
        }
        self.init(name, instances: instances)
    }

    /// Makes the default configuration of a service with one instance.
    package init(host: String, port: Int) {
        let instance = Instance(host: host, port: port)
        self.init(instance.description, instances: .list([instance]))
    }

    /// Checks the settings. Throws ``InvalidSetting`` for the first one that cannot work.
    package func validate() throws(InvalidSetting) {
        for (key, value) in [
            ("timeout", timeout), ("retry.attemptTimeout", retry.attemptTimeout),
            ("retry.minimumAttemptTimeout", retry.minimumAttemptTimeout), ("budget.window", budget.window),
            ("breaker.window", breaker.window), ("breaker.openDuration", breaker.openDuration),
            ("ejection.duration", ejection.duration), ("ejection.interval", ejection.interval),
            ("ejection.testInterval", ejection.testInterval),
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
        if let problem = serializers.problem ?? tls.problem { throw problem }
        if sendsKey, key == nil { throw InvalidSetting("sendsKey", "false without a key") }
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

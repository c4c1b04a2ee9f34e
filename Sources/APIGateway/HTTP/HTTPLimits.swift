public import Rookery

/// The gateway's limits, per HTTP client and for all clients together.
public struct HTTPLimits: Sendable, Hashable {
    /// The largest request body, in bytes. A larger one is answered 413. Default 256 KiB.
    public var body = 256 * 1024
    /// Paths whose bodies may be of another length than ``body``. Default none.
    package var bodies: [String: Int] = [:]
    /// The most bytes of a request's target and header fields, 1 KiB to 1 MiB. A larger head is answered 431. Default
    /// 16 KiB.
    public var head = 16 * 1024
    /// The most header fields of a request. More are answered 431. Default 100.
    public var headerFields = 100
    /// The most open connections. Default 4096. The process's limit on open files may lower it.
    ///
    /// At the limit, the gateway closes one of 32 random connections to admit a new one. It prefers one that never sent
    /// a request, then the one that has been idle longest. It never closes a connection with a request under way.
    public var connections = 4096
    /// The most open connections from one address, or from one /64 for IPv6. The gateway closes further ones at once.
    /// Behind a proxy, all clients have one address. Default 1000.
    public var connectionsPerPeer = 1000
    /// The most bytes kept for all connections: requests under way, and responses that clients have not taken. One
    /// connection, and all of one address together, may keep as much as is free. Must be at least four times the sum of
    /// `body` and `head`. Default 64 MiB.
    public var memory = 64 * 1024 * 1024
    /// How long a request's head may take, from its first byte. For the first request, the time runs from the start of
    /// the connection. A head that takes longer is answered 408. Default 10 s.
    public var headTimeout: Duration = .seconds(10)
    /// How long a request's body may take, from the end of its head. A body that takes longer is answered 408. Default
    /// 30 s.
    public var bodyTimeout: Duration = .seconds(30)
    /// How long a connection may stay open between two requests. Default 60 s.
    public var idle: Duration = .seconds(60)
    /// How long a response may make no progress because its client does not read. Then the connection is closed.
    /// Default 30 s.
    public var writeTimeout: Duration = .seconds(30)
    /// The most browsers that watch inventory, in all. Further ones are answered 429. Default 512.
    public var streams = 512
    /// The most browsers that watch inventory from one address. Further ones are answered 429. Default 32.
    public var streamsPerPeer = 32
    /// The most products and vendors watched at once, whatever the number of browsers. A further one ends a watch of
    /// the address with the most watches, or is answered 429. Default 128.
    public var streamTopics = 128

    /// Makes limits with the defaults.
    public init() {}

    /// The largest body of a request to `target`, in bytes.
    func body(of target: String) -> Int {
        bodies.isEmpty ? body : bodies[String(target.prefix { $0 != "?" })] ?? body
    }

    /// Checks the limits. Throws ``RookeryPolicies/InvalidSetting`` for one that is out of range.
    public func validate() throws(InvalidSetting) {
        for (key, value) in [
            ("body", body), ("headerFields", headerFields), ("connections", connections),
            ("connectionsPerPeer", connectionsPerPeer), ("streams", streams), ("streamsPerPeer", streamsPerPeer),
            ("streamTopics", streamTopics),
        ] where value < 1 { throw InvalidSetting("limits.\(key)", "at least 1, not \(value)") }
        if !(1024...1_048_576).contains(head) {
            throw InvalidSetting("limits.head", "1024 to 1048576, not \(head)")
        }
        if memory < 4 * (body + head) {
            throw InvalidSetting("limits.memory", "at least four times limits.body and limits.head together")
        }
        for (key, value) in [
            ("headTimeout", headTimeout), ("bodyTimeout", bodyTimeout), ("idle", idle), ("writeTimeout", writeTimeout),
        ] where value <= .zero { throw InvalidSetting("limits.\(key)", "longer than 0") }
    }
}

public import Rookery

/// How much one HTTP client, and all of them together, may ask of the gateway.
public struct HTTPLimits: Sendable, Hashable {
    /// The largest request body, in bytes; larger ones are answered 413. Default 256 KiB.
    public var body = 256 * 1024
    /// Bytes of a request's target and header fields; more are answered 431. Default 16 KiB.
    public var head = 16 * 1024
    /// How many header fields a request may have; more are answered 431. Default 100.
    public var headerFields = 100
    /// Open connections; when there are as many, one that never sent a request, or has been idle for longest, gives way to
    /// a new one. Never more than the process may have open files. Default 4096.
    public var connections = 4096
    /// Open connections from one address, of IPv6 from one /64; further ones are closed as they come. Behind a proxy all
    /// clients have one address. Default 1000.
    public var connectionsPerPeer = 1000
    /// Bytes that are kept for all connections together: requests that are not done with, and responses that were not
    /// taken. One connection, and all of one address together, may keep as much as is free. Default 64 MiB.
    public var memory = 64 * 1024 * 1024
    /// How long a request's head may take from its first byte, or from the connection's first moment; then 408.
    /// Default 10 s.
    public var headTimeout: Duration = .seconds(10)
    /// How long a request's body may take from the end of its head; then 408. Default 30 s.
    public var bodyTimeout: Duration = .seconds(30)
    /// How long a connection may be without a request; then it is closed. Default 60 s.
    public var idle: Duration = .seconds(60)
    /// How long a response may stand still because its client does not take it; then the connection is closed. Default 30 s.
    public var writeTimeout: Duration = .seconds(30)
    /// Browsers that watch inventory, in all; further ones are answered 429. Default 512.
    public var streams = 512
    /// Browsers that watch inventory from one address; further ones are answered 429. Default 32.
    public var streamsPerPeer = 32
    /// Products and vendors that are watched at a time, whatever the number of browsers; further ones are answered 429.
    /// Default 128.
    public var streamTopics = 128

    /// The defaults.
    public init() {}

    /// Throws ``RookeryPolicies/InvalidSetting`` when a setting cannot work.
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

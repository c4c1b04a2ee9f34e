public import RookeryCore
import RookeryCalls
package import RookeryPolicies
import RookeryWire

/// Where a server listens, and how much it lets peers ask of it. Every limit is on by default.
public struct ServerConfiguration: Sendable {
    /// The address to bind. Default `127.0.0.1`.
    public var host: String
    /// The port; 0 for any free one. Default 3000, as Nest's.
    public var port: Int
    /// The name in logs. Default `rookery`.
    public var name = "rookery"
    /// Whether a client that says hello gets binary frames; plain peers notice nothing either way. Default true.
    package var negotiates = true
    /// The serializers that binary frames may use. Default: JSON and MessagePack.
    public var serializers = SerializerChoice()
    /// Limits on what peers may ask.
    package var limits = Limits()
    /// How long a stop waits for what is in flight. Default 30 s.
    public var drainTimeout: Duration = .seconds(30)
    /// How many messages of each command are handled at once, found out from how long they take.
    package var shedding = Shedding()
    /// How long a negotiated connection lives, give or take a tenth: then its peer is told to make a new one, and what is
    /// in flight is finished. So new instances get their share of long-lived peers. Plain peers cannot be told, and keep
    /// theirs. Nil for ever. Default 30 min.
    package var connectionAge: Duration? = .seconds(30 * 60)

    /// Limits on what peers may ask.
    package struct Limits: Sendable, Hashable {
        /// The largest frame body, in bytes; a larger one ends the connection. Default 8 MiB.
        package var frame = FrameDecoder.defaultFrameLimit
        /// Messages being handled per connection; further requests are answered `OVERLOADED`, further events dropped and
        /// logged. Default 1024.
        package var inFlight = 1024
        /// Streams per connection, which do not count among the messages in flight; further ones are answered `OVERLOADED`.
        /// Default 256.
        package var streams = 256
        /// Bytes of a message's metadata; a message with more is answered `INVALID_PAYLOAD`. Default 16 KiB.
        package var metadata = 16 * 1024
        /// Bytes that the server keeps for all connections together: requests that are not done with, whole packets; frames
        /// that have begun; replies that were not taken. A connection, and all connections of one peer together, may keep
        /// as much as is free; further requests are answered `OVERLOADED`. So one alone gets half. Default 128 MiB.
        package var memory = 128 * 1024 * 1024
        /// The same for one connection, however much is free. Default 64 MiB.
        package var connectionMemory = 64 * 1024 * 1024
        /// Connections; when there are as many, one that never sent a message, or has been idle for longest, gives way to a
        /// new one. Never more than the process may have open files. Default 10 000.
        package var connections = 10_000
        /// Connections from one address, of IPv6 from one /64; further ones are closed as they come. Default 1000.
        package var connectionsPerPeer = 1000
        /// How long a frame may take from its first byte to its last; then the connection is closed. Default 30 s.
        package var incompleteFrame: Duration = .seconds(30)
        /// How long a connection may be without a message, and without one being handled; then it is closed. Default 10 min.
        package var idle: Duration = .seconds(600)
        /// Bytes of replies, encoded or not taken by the network, above which a connection's handlers wait, and a negotiated
        /// connection is not read. A plain one is read on, within `connectionMemory`. Default 1 MiB.
        package var unsentPause = 1024 * 1024

        package init() {}
    }

    /// The defaults, at an address.
    public init(host: String = "127.0.0.1", port: Int = 3000) {
        self.host = host
        self.port = port
    }

    /// Throws ``RookeryPolicies/InvalidSetting`` when a setting cannot work.
    package func validate() throws(InvalidSetting) {
        func require(_ isMet: Bool, _ key: String, _ requirement: String) throws(InvalidSetting) {
            if !isMet { throw InvalidSetting(key, requirement) }
        }
        try require((0...65_535).contains(port), "port", "0 to 65535, not \(port)")
        for (key, value) in [
            ("frame", limits.frame), ("inFlight", limits.inFlight), ("streams", limits.streams),
            ("metadata", limits.metadata), ("connections", limits.connections),
            ("connectionsPerPeer", limits.connectionsPerPeer), ("unsentPause", limits.unsentPause),
        ] { try require(value >= 1, "limits.\(key)", "at least 1, not \(value)") }
        // A lone frame of the greatest length must fit, beside what is free for others.
        try require(
            limits.memory / 2 >= limits.frame, "limits.memory", "at least twice limits.frame, \(limits.frame) bytes")
        try require(
            limits.connectionMemory >= limits.frame, "limits.connectionMemory",
            "at least limits.frame, \(limits.frame) bytes")
        try require(limits.incompleteFrame > .zero, "limits.incompleteFrame", "longer than 0")
        try require(limits.idle > .zero, "limits.idle", "longer than 0")
        if let connectionAge { try require(connectionAge > .zero, "connectionAge", "longer than 0") }
        if let problem = shedding.problem { throw problem }
    }
}

public import RookeryCore
import RookeryCalls
package import RookeryPolicies
import RookeryWire

/// Where a server listens, and limits on what its peers may use. Every limit is on by default.
public struct ServerConfiguration: Sendable {
    /// The address to bind. Default `127.0.0.1`.
    public var host: String
    /// The port to bind, 0 to 65535. 0 binds any free port. Default 3000, as in Nest.
    public var port: Int
    /// The service's name in logs, metrics, traces, descriptions, health reports and configuration keys. Default
    /// `rookery`.
    public var name = "rookery"
    /// Whether the server uses binary frames with a client that says hello. Plain peers notice nothing. Default true.
    package var negotiates = true
    /// The serializers that binary frames may use. Default: JSON and MessagePack.
    public var serializers = SerializerChoice()
    /// Limits on what peers may use.
    package var limits = Limits()
    /// How long a stop waits for messages in flight before it cancels their handlers. Default 30 s.
    public var drainTimeout: Duration = .seconds(30)
    /// Limits how many messages of each command the server handles at once. The limit adapts to how long they take.
    package var shedding = Shedding()
    /// How long a negotiated connection lives, ± 10 %. Nil means no limit. Default 30 min.
    ///
    /// Then the server sends go-away and finishes the messages in flight, and the peer opens a new connection. So new
    /// instances get their share of long-lived peers. A plain peer does not know go-away and keeps its connection.
    package var connectionAge: Duration? = .seconds(30 * 60)

    /// Limits on what peers may use.
    package struct Limits: Sendable, Hashable {
        /// The largest frame body, in bytes. A larger one ends the connection. Default 8 MiB.
        package var frame = FrameDecoder.defaultFrameLimit
        /// Messages in flight per connection, without its streams. The server answers further requests with
        /// `OVERLOADED`, and drops and logs further events. Default 1024.
        package var inFlight = 1024
        /// Streams per connection. The server answers further ones with `OVERLOADED`. Default 256.
        package var streams = 256
        /// Bytes of a message's metadata. The server answers a message with more with `INVALID_PAYLOAD`. Default 16
        /// KiB.
        package var metadata = 16 * 1024
        /// Bytes that the server holds for all connections together: whole packets of messages in flight, partial
        /// frames, and replies that the network has not taken. At least twice ``frame``. Default 128 MiB.
        ///
        /// A connection, and all connections of one peer together, may hold as many bytes as are free. So one alone
        /// gets half. The server answers further requests with `OVERLOADED`.
        package var memory = 128 * 1024 * 1024
        /// Bytes that the server holds for one connection, however many are free. At least ``frame``. Default 64 MiB.
        package var connectionMemory = 64 * 1024 * 1024
        /// Connections in total, never more than the process's limit of open files allows. Default 10 000.
        ///
        /// When the limit is reached, a new connection replaces one that never sent a message, or the one idle for
        /// longest, of a random sample. If all of the sample are busy, the server closes the new one.
        package var connections = 10_000
        /// Connections from one peer address, or from one IPv6 /64. The server closes further ones at once. Default
        /// 1000.
        package var connectionsPerPeer = 1000
        /// How long a connection may have a partial frame while no frame completes. Then the server closes it. Default
        /// 30 s.
        ///
        /// A frame that begins after another one completed may take up to twice as long.
        package var incompleteFrame: Duration = .seconds(30)
        /// How long a connection may receive no message and have none in flight. Then the server closes it. Default 10
        /// min.
        package var idle: Duration = .seconds(600)
        /// Bytes of replies, encoded or not taken by the network, from which on a connection's handlers wait. Default 1
        /// MiB.
        ///
        /// Then the server does not read a negotiated connection. It still reads a plain one, within
        /// ``connectionMemory``.
        package var unsentPause = 1024 * 1024

        package init() {}
    }

    /// The file of the keyring: who may call, and what. Default nil: every peer may call every command, as with Nest.
    package var keys: String?
    /// Called when a service key is shown: for the first time since the server started, and then once a day.
    package var onKeyUse: (@Sendable (Caller) -> Void)?
    /// Whether members that a message does not declare are violations. Default false: they are skipped, as a newer client may
    /// send them.
    package var forbidsUnknown = false
    /// The encryption of marked members, for connections without TLS. Default: none.
    package var fields = FieldEncryption()
    /// The encryption of the connections. Default: none.
    package var tls = ServerTLS()

    /// Makes a configuration with the defaults, at an address.
    public init(host: String = "127.0.0.1", port: Int = 3000) {
        self.host = host
        self.port = port
    }

    /// Checks every setting.
    ///
    /// - Throws: ``RookeryPolicies/InvalidSetting`` for the first setting that is out of range.
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
        // A frame of the greatest length must fit: a connection alone gets half of the memory.
        try require(
            limits.memory / 2 >= limits.frame, "limits.memory", "at least twice limits.frame, \(limits.frame) bytes")
        try require(
            limits.connectionMemory >= limits.frame, "limits.connectionMemory",
            "at least limits.frame, \(limits.frame) bytes")
        try require(limits.incompleteFrame > .zero, "limits.incompleteFrame", "longer than 0")
        try require(limits.idle > .zero, "limits.idle", "longer than 0")
        if let connectionAge { try require(connectionAge > .zero, "connectionAge", "longer than 0") }
        if let problem = serializers.problem ?? tls.problem { throw problem }
        if let problem = shedding.problem { throw problem }
    }
}

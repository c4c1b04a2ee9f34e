public import RookeryCore
public import RookeryResilience
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
    public var negotiates = true
    /// The serializers that binary frames may use. Default: JSON and MessagePack.
    public var serializers = SerializerChoice()
    /// Limits on what peers may ask.
    public var limits = Limits()
    /// How long a stop waits for what is in flight. Default 30 s.
    public var drainTimeout: Duration = .seconds(30)
    /// How many messages of each command are handled at once, found out from how long they take.
    public var shedding = AdaptiveLimit.Configuration()
    /// How long a negotiated connection lives, give or take a tenth: then its peer is told to make a new one, and what is
    /// in flight is finished. So new instances get their share of long-lived peers. Plain peers cannot be told, and keep
    /// theirs. Nil for ever. Default 30 min.
    public var connectionAge: Duration? = .seconds(30 * 60)

    /// Limits on what peers may ask.
    public struct Limits: Sendable, Hashable {
        /// The largest frame body, in bytes; a larger one ends the connection. Default 8 MiB.
        public var frame = FrameDecoder.defaultFrameLimit
        /// Messages being handled per connection; further requests are answered `OVERLOADED`, further events dropped and
        /// logged. Default 1024.
        public var inFlight = 1024
        /// Bytes of messages being handled per connection, after inflating; further requests are answered `OVERLOADED`, but a
        /// single message within `frame` is always handled. Default 64 MiB.
        public var inFlightBytes = 64 * 1024 * 1024
        /// Connections; further ones are closed as they come. Default 10 000.
        public var connections = 10_000
        /// How long a frame may take from its first byte to its last; then the connection is closed. Default 30 s.
        public var incompleteFrame: Duration = .seconds(30)
        /// How long a connection may be without a message, and without one being handled; then it is closed. Default 10 min.
        public var idle: Duration = .seconds(600)
        /// Unsent replies, in bytes, above which the connection is not read any more. Default 1 MiB.
        public var unsentPause = 1024 * 1024
        /// Unsent replies, in bytes, above which the connection is closed. Default 16 MiB.
        public var unsentClose = 16 * 1024 * 1024

        /// The defaults.
        public init() {}
    }

    /// The defaults, at an address.
    public init(host: String = "127.0.0.1", port: Int = 3000) {
        self.host = host
        self.port = port
    }

    /// A setting that cannot work.
    public struct Invalid: Error, CustomStringConvertible {
        /// Names the setting and what it must be.
        public let description: String
    }

    /// Throws ``Invalid`` when a setting cannot work.
    public func validate() throws(Invalid) {
        if !(0...65_535).contains(port) { throw Invalid(description: "port must be 0 to 65535, not \(port)") }
        if limits.frame < 1 { throw Invalid(description: "limits.frame must be at least 1 byte") }
        if limits.inFlight < 1 { throw Invalid(description: "limits.inFlight must be at least 1") }
        if limits.inFlightBytes < 1 { throw Invalid(description: "limits.inFlightBytes must be at least 1") }
        if limits.connections < 1 { throw Invalid(description: "limits.connections must be at least 1") }
        if limits.unsentPause < 1 { throw Invalid(description: "limits.unsentPause must be at least 1 byte") }
        if limits.idle <= .zero { throw Invalid(description: "limits.idle must be longer than 0") }
        if let connectionAge, connectionAge <= .zero {
            throw Invalid(description: "connectionAge must be longer than 0")
        }
        if shedding.minimum < 1 || shedding.initial < shedding.minimum || shedding.maximum < shedding.initial {
            throw Invalid(description: "shedding must have 1 <= minimum <= initial <= maximum")
        }
        if shedding.window <= .zero { throw Invalid(description: "shedding.window must be longer than 0") }
        if limits.unsentClose < limits.unsentPause {
            throw Invalid(description: "limits.unsentClose must not be below limits.unsentPause")
        }
    }
}

public import Logging
import NIOCore
public import RookeryCore
import RookeryWire
import Synchronization

/// Where a client connects, and how.
public struct TCPClientConfiguration: Sendable {
    /// The service's host. Default `localhost`, as Nest's.
    public var host: String
    /// The service's port. Default 3000, as Nest's.
    public var port: Int
    /// How long connecting may take. Default 1 s.
    public var connectTimeout: Duration = .seconds(1)
    /// The largest frame body, sent or received, in bytes. Default 8 MiB.
    public var frameLimit = FrameDecoder.defaultFrameLimit
    /// Calls under way per connection; further ones fail at once. Default 10 000.
    public var maximumPendingCalls = 10_000
    /// Connections shared by callers that run on no event loop of the client's; those that do use their own loop's.
    /// Default 1.
    public var connections = 1
    /// Values of a stream kept for a consumer that is busy; at that number its connection is not read. Default 256.
    public var streamBuffer = 256
    /// Whether `metadata` is sent, the remaining time among it. Released versions of Nest ignore it; default off.
    public var sendsMetadata = false
    /// Whether a hello is said, so that a Rookery server speaks binary frames; a Nest server answers that it has no handler
    /// for it and sees nothing else. Default true.
    public var negotiates = true
    /// Which serializer negotiated frames use. Default: JSON.
    public var serializers = SerializerChoice()
    /// Whether large payloads of negotiated frames may be compressed, both ways. Default true.
    public var compresses = true

    /// The defaults, towards an address.
    public init(host: String = "localhost", port: Int = 3000) {
        self.host = host
        self.port = port
    }

    var address: String { "\(host):\(port)" }
}

/// Carries calls over TCP. Connects when it is first needed, and again after a connection was lost.
public final class TCPTransport: ClientTransport {
    private let configuration: TCPClientConfiguration
    private let eventLoops: EventLoops
    /// The first ones have the positions of the event loops.
    private let connections: [ClientConnection]
    private let nextConnection = Atomic<Int>(0)

    /// Makes a transport; connects nothing yet.
    public init(
        _ configuration: TCPClientConfiguration,
        eventLoops: EventLoops = .shared,
        logger: Logger = Logger(label: "rookery.client")
    ) {
        self.configuration = configuration
        self.eventLoops = eventLoops
        let executors = eventLoops.executors
        connections = (0..<max(executors.count, configuration.connections)).map { at in
            ClientConnection(
                configuration: configuration, executor: executors[at % executors.count], logger: logger)
        }
    }

    /// A caller on one of the loops gets its loop's connection: no hop. Others share a few.
    private var connection: ClientConnection {
        if let position = eventLoops.currentPosition { return connections[position] }
        if configuration.connections <= 1 { return connections[0] }
        let turn = nextConnection.add(1, ordering: .relaxed).oldValue
        return connections[Int(UInt(bitPattern: turn) % UInt(configuration.connections))]
    }

    /// Sends a request and waits for its last reply.
    public func request(_ call: OutgoingCall) async throws -> Payload {
        try await connection.perform(call)
    }

    /// Sends an event.
    public func emit(_ call: OutgoingCall) async throws {
        _ = try await connection.perform(call)
    }

    /// Opens a stream. Between Rookery peers it shares the connection of the calls, and credit keeps a slow consumer from
    /// holding up anybody else. To a plain peer it has a connection of its own, and leaving closes that, which is the
    /// only way the plain wire has to tell the server.
    public func stream(_ call: OutgoingCall) async throws -> MessageStream<Payload> {
        if configuration.negotiates, let stream = try await connection.openStream(call) { return stream }
        let executor = eventLoops.executors[eventLoops.currentPosition ?? 0]
        return try await TCPStream.open(call, configuration: configuration, executor: executor)
    }

    /// Returns when the peer has answered, whatever it speaks: a plain one by refusing a hello, which costs it nothing.
    /// Throws ``CallError`` when it is not there, or does not answer in time.
    public func ping(timeout: Duration = .seconds(1)) async throws {
        try await connection.ping(within: timeout)
    }

    /// Fails every call under way and closes the connections; streams end with their consumers.
    public func close() async {
        for connection in connections { connection.close() }
    }
}

extension RookeryClient {
    /// A client that calls a service over TCP.
    public init(
        host: String,
        port: Int,
        configuration: ClientConfiguration = ClientConfiguration(),
        interceptors: [any ClientInterceptor] = []
    ) {
        self.init(
            transport: TCPTransport(TCPClientConfiguration(host: host, port: port)), configuration: configuration,
            interceptors: interceptors)
    }
}

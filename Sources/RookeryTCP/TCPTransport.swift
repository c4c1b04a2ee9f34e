public import Logging
import NIOCore
public import RookeryCore
public import RookeryResilience
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
    /// How many connections there are, and when there is another one.
    public var pool = DestinationConfiguration.Pool()
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

/// Carries calls to one address over TCP. Connects when it is first needed, and again after a connection was lost.
///
/// Calls share connections. A call made on one of the event loops goes by that loop's connection, so that it need not
/// change threads, unless that has as many calls in flight as make a pool grow; other calls fill one connection after the
/// other.
public final class TCPTransport: InstanceTransport {
    private let configuration: TCPClientConfiguration
    private let eventLoops: EventLoops
    /// The first ones have the positions of the event loops.
    private let connections: [ClientConnection]

    /// Makes a transport; connects nothing yet.
    public init(
        _ configuration: TCPClientConfiguration,
        eventLoops: EventLoops = .shared,
        logger: Logger = Logger(label: "rookery.client")
    ) {
        self.configuration = configuration
        self.eventLoops = eventLoops
        let executors = eventLoops.executors
        connections = (0..<max(executors.count, configuration.pool.maximumConnections)).map { at in
            ClientConnection(
                configuration: configuration, executor: executors[at % executors.count], logger: logger)
        }
    }

    private var connection: ClientConnection {
        let pool = configuration.pool
        let own = eventLoops.currentPosition
        if let own, connections[own].inFlight < pool.growAt { return connections[own] }
        let shared = connections.prefix(max(1, pool.maximumConnections))
        if let free = shared.first(where: { $0.inFlight < pool.growAt }) { return free }
        return shared.min { $0.inFlight < $1.inFlight } ?? connections[0]
    }

    /// Connections that are there, or are being made.
    public var connectionCount: Int {
        get async {
            var count = 0
            for connection in connections { count += await connection.linkCount }
            return count
        }
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

    /// Takes no more calls; returns when those under way are answered, and the connections closed. Streams on connections
    /// of their own go on until their ends.
    public func drain() async {
        await withDiscardingTaskGroup { group in
            for connection in connections { group.addTask { await connection.drain() } }
        }
    }
}

extension Destination {
    /// A destination whose instances are reached over TCP. `change` may alter how each is connected to. Throws
    /// ``RookeryResilience/DestinationConfiguration/Invalid``.
    public convenience init(
        tcp name: String, _ configuration: DestinationConfiguration = DestinationConfiguration(),
        discovery: any Discovery, eventLoops: EventLoops = .shared,
        environment: ResilienceEnvironment = ResilienceEnvironment(),
        logger: Logger = Logger(label: "rookery.client"),
        change: @escaping @Sendable (inout TCPClientConfiguration) -> Void = { _ in }
    ) throws(DestinationConfiguration.Invalid) {
        try self.init(
            name, configuration, discovery: discovery, environment: environment, logger: logger
        ) { instance in
            var tcp = TCPClientConfiguration(host: instance.host, port: instance.port)
            tcp.connectTimeout = configuration.connectTimeout
            tcp.pool = configuration.pool
            change(&tcp)
            return TCPTransport(tcp, eventLoops: eventLoops, logger: logger)
        }
    }
}

extension RookeryClient {
    /// A client that calls a service at one address, with all guards at their defaults.
    public init(
        host: String,
        port: Int,
        configuration: ClientConfiguration = ClientConfiguration(),
        interceptors: [any ClientInterceptor] = [],
        logger: Logger = Logger(label: "rookery.client")
    ) {
        let instance = Instance(host: host, port: port)
        let transport: any ClientTransport
        do {
            transport = try Destination(
                tcp: instance.description, discovery: StaticDiscovery([instance]), logger: logger)
        } catch {
            // The defaults are valid.
            transport = TCPTransport(TCPClientConfiguration(host: host, port: port), logger: logger)
        }
        self.init(transport: transport, configuration: configuration, interceptors: interceptors)
    }

    /// A client that calls a destination, with its timeouts.
    public init(_ destination: Destination, interceptors: [any ClientInterceptor] = []) {
        self.init(
            transport: destination, configuration: destination.clientConfiguration, interceptors: interceptors)
    }
}

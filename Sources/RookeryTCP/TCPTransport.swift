package import Logging
import NIOCore
import RookeryCalls
package import RookeryCore
package import RookeryPolicies
import RookeryWire

/// Carries calls to one address over TCP. Connects when it is first needed, and again after a connection was lost.
///
/// Calls share connections. A call made on one of the event loops goes by that loop's connection, so that it need not
/// change threads, unless that has as many calls in flight as make a pool grow; other calls fill one connection after the
/// other.
package final class TCPTransport: InstanceTransport {
    private let instance: Instance
    private let configuration: ClientConfiguration
    private let eventLoops: EventLoops
    /// The first ones have the positions of the event loops.
    private let connections: [ClientConnection]

    /// Makes a transport; connects nothing yet.
    package init(
        _ instance: Instance, _ configuration: ClientConfiguration, eventLoops: EventLoops = .shared,
        logger: Logger = Logger(label: "rookery.client")
    ) {
        self.instance = instance
        self.configuration = configuration
        self.eventLoops = eventLoops
        let executors = eventLoops.executors
        connections = (0..<max(executors.count, configuration.pool.maximumConnections)).map { at in
            ClientConnection(
                instance, configuration, executor: executors[at % executors.count], logger: logger)
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
    package var connectionCount: Int {
        get async {
            var count = 0
            for connection in connections { count += await connection.linkCount }
            return count
        }
    }

    /// Sends a request and waits for its last reply.
    package func request(_ call: Call) async throws -> Payload {
        try await connection.perform(call)
    }

    /// Sends an event.
    package func emit(_ call: Call) async throws {
        _ = try await connection.perform(call)
    }

    /// Opens a stream. Between Rookery peers it shares the connection of the calls, and credit keeps a slow consumer from
    /// holding up other calls. To a plain peer it has a connection of its own, and leaving closes that, which is the
    /// only way the plain wire has to tell the server.
    package func stream(_ call: Call) async throws -> MessageStream<Payload> {
        if configuration.negotiates, let stream = try await connection.openStream(call) { return stream }
        let executor = eventLoops.executors[eventLoops.currentPosition ?? 0]
        return try await TCPStream.open(call, at: instance, configuration: configuration, executor: executor)
    }

    /// Returns when the peer has answered, whatever it speaks: a plain one by refusing a hello, which costs it nothing.
    /// Throws ``CallError`` when it is not there, or does not answer in time.
    package func ping(timeout: Duration = .seconds(1)) async throws {
        try await connection.ping(within: timeout)
    }

    /// Fails every call under way and closes the connections; streams end with their consumers.
    package func close() async {
        for connection in connections { connection.close() }
    }

    /// Takes no more calls; returns when those under way are answered, and the connections closed. Streams on connections
    /// of their own go on until their ends.
    package func drain() async {
        await withDiscardingTaskGroup { group in
            for connection in connections { group.addTask { await connection.drain() } }
        }
    }
}

package import Logging
import NIOCore
package import RookeryCalls
package import RookeryCore
package import RookeryPolicies
import RookeryWire

/// Carries calls to one instance over TCP. Opens connections on demand, and again after a connection was lost.
///
/// Calls share connections. A call from one of the event loops uses that loop's connection, which avoids a change of
/// thread. If that connection has `pool.growAt` calls in flight, or if the call comes from another thread, it uses the
/// first of `pool.maximumConnections` connections with fewer calls. If all have as many, it uses the one with the
/// fewest.
package final class TCPTransport: InstanceTransport {
    private let instance: Instance
    private let configuration: ClientConfiguration
    private let key: ServiceKeyFile?
    private let encryption: ClientEncryption?
    private let fields: FieldCipher?
    private let sealsFields: Bool
    private let eventLoops: EventLoops
    /// One for each event loop, in the loops' order, or `pool.maximumConnections` if that is more.
    private let connections: [ClientConnection]

    /// Makes a transport. Opens no connection yet. `key` is what the client shows to servers that ask for a service key,
    /// `encryption` the TLS of the connections, and `fields` decrypts marked members, and encrypts them if the configuration
    /// says so.
    package init(
        _ instance: Instance, _ configuration: ClientConfiguration, key: ServiceKeyFile? = nil,
        encryption: ClientEncryption? = nil, fields: FieldCipher? = nil, eventLoops: EventLoops = .shared,
        logger: Logger = Logger(label: "rookery.client")
    ) {
        self.key = key
        self.encryption = encryption
        self.fields = fields
        sealsFields = configuration.fields.encrypts(overTLS: encryption != nil)
        self.instance = instance
        self.configuration = configuration
        self.eventLoops = eventLoops
        let executors = eventLoops.executors
        connections = (0..<max(executors.count, configuration.pool.maximumConnections)).map { at in
            ClientConnection(
                instance, configuration, key: key, encryption: encryption, executor: executors[at % executors.count],
                logger: logger)
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

    /// Connections that are open or being opened.
    package var connectionCount: Int {
        get async {
            var count = 0
            for connection in connections { count += await connection.linkCount }
            return count
        }
    }

    /// Sends a request and waits for its last reply.
    ///
    /// - Throws: ``RookeryCore/RemoteError`` if the command failed, ``RookeryCore/CallError`` if there is no answer,
    ///   and `CancellationError` if the task is cancelled.
    package func request(_ call: Call) async throws -> Payload {
        var payload = try await connection.perform(sealed(call))
        payload.fields = fields
        return payload
    }

    /// The call with its marked members encrypted, if they are to be.
    private func sealed(_ call: Call) -> Call {
        guard sealsFields, let fields else { return call }
        var call = call
        call.message = call.message.sealed(by: fields)
        call.clientStream = call.clientStream?.sealed(by: fields)
        return call
    }

    /// Sends an event. Returns once the connection has written it; no server acknowledges it.
    package func emit(_ call: Call) async throws {
        _ = try await connection.perform(sealed(call))
    }

    /// Opens a stream.
    ///
    /// A negotiated server sends the values on the connection of the calls; credit keeps a slow consumer from blocking
    /// other calls. A plain server sends them on a connection of the stream's own. Ending the iteration closes that
    /// connection, because the plain wire has no other way to stop the server.
    package func stream(_ call: Call) async throws -> MessageStream<Payload> {
        let stream = try await open(sealed(call))
        guard let fields else { return stream }
        return stream.mapped { payload in
            var payload = payload
            payload.fields = fields
            return payload
        }
    }

    private func open(_ call: Call) async throws -> MessageStream<Payload> {
        if configuration.negotiates, let stream = try await connection.openStream(call) { return stream }
        if call.clientStream != nil { throw CallError.noClientStream(call.command, "\(instance)") }
        let executor = eventLoops.executors[eventLoops.currentPosition ?? 0]
        return try await TCPStream.open(
            call, at: instance, configuration: configuration, key: key, encryption: encryption, executor: executor)
    }

    /// Returns when the server has answered a ping; any answer counts. A plain server answers by refusing a hello, at
    /// no cost.
    ///
    /// - Parameter timeout: How long to wait for the answer. Default 1 s.
    /// - Throws: ``RookeryCore/CallError`` if the server cannot be reached or does not answer in time.
    package func ping(timeout: Duration = .seconds(1)) async throws {
        try await connection.ping(within: timeout)
    }

    /// Fails every call in flight, streams on shared connections included, and closes these connections. Streams on
    /// connections of their own end with their consumers.
    package func close() async {
        for connection in connections { connection.close() }
    }

    /// Takes no more calls. Returns when the calls in flight have ended and the connections have closed. Streams on
    /// connections of their own continue to their ends.
    package func drain() async {
        await withDiscardingTaskGroup { group in
            for connection in connections { group.addTask { await connection.drain() } }
        }
    }
}

public import Logging
import CoreMetrics
import NIOConcurrencyHelpers
public import NIOCore
import NIOPosix
public import RookeryCore
import RookeryResilience
public import ServiceLifecycle

/// Serves commands over the Nest TCP wire.
///
/// ```swift
/// let server = try RookeryServer(
///     configuration: ServerConfiguration(port: 4002),
///     routes: BookingAPIContract.routes(for: BookingService()))
/// try await server.run()
/// ```
public final class RookeryServer: Service {
    private enum Phase {
        case idle
        case running
    }

    private let shared: ServerShared
    private let phase = NIOLockedValueBox(Phase.idle)
    private let address: EventLoopPromise<SocketAddress>

    /// Makes a server that is not yet listening.
    ///
    /// It also answers ``RookeryCore/Health/pattern`` with what `health` finds out.
    ///
    /// - Throws: ``ServerConfiguration/Invalid``, or ``RookeryCore/Router/DuplicatePattern``.
    public init(
        configuration: ServerConfiguration,
        routes: [Route],
        interceptors: [any ServerInterceptor] = [],
        health: [HealthCheck] = [],
        eventLoops: EventLoops = .shared,
        logger: Logger = Logger(label: "rookery.server")
    ) throws {
        try configuration.validate()
        var logger = logger
        logger[metadataKey: "service"] = "\(configuration.name)"
        let instance = String(UInt64.random(in: .min ... .max), radix: 36)
        let registry = ConnectionRegistry()
        let report = Health(service: configuration.name, instance: instance, checks: health) { registry.isStopping }
        let router = try Router(routes + [report.route])
        shared = ServerShared(
            router: router, pipeline: ServerPipeline(interceptors), configuration: configuration,
            eventLoops: eventLoops, logger: logger, registry: registry, instance: instance,
            loads: router.commands.map { _ in RouteLoad(configuration.shedding) },
            counters: ServerCounters(configuration.name))
        address = eventLoops.group.any().makePromise()
    }

    /// The address the server is bound to; waits until it is. Throws what binding threw.
    public var boundAddress: SocketAddress {
        get async throws { try await address.futureResult.get() }
    }

    /// Requests being handled, of all peers and commands.
    public var messagesInFlight: Int { shared.loads.reduce(0) { $0 + $1.count } }

    /// How many peers are connected.
    public var connectionCount: Int { shared.registry.count }

    /// Listens until graceful shutdown or cancellation; then accepts no more, lets what is in flight finish, at most
    /// ``ServerConfiguration/drainTimeout``, and closes.
    ///
    /// Throws when the address cannot be bound, and when called twice.
    public func run() async throws {
        let isFirst = phase.withLockedValue { phase in
            defer { phase = .running }
            return phase == .idle
        }
        guard isFirst else { throw AlreadyRunning() }
        let configuration = shared.configuration
        let listener: any Channel
        do {
            listener = try await bootstrap.bind(host: configuration.host, port: configuration.port).get()
        } catch {
            let failure = CannotListen(host: configuration.host, port: configuration.port, cause: "\(error)")
            address.fail(failure)
            throw failure
        }
        if let bound = listener.localAddress { address.succeed(bound) }
        shared.logger.info("listening", metadata: ["address": "\(listener.localAddress?.description ?? "?")"])
        try? await gracefulShutdown()
        try? await listener.close().get()
        await drain()
    }

    /// Runs the server for the length of `body`, which gets the address it listens on.
    public func running<Result: Sendable>(_ body: (SocketAddress) async throws -> Result) async throws -> Result {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await self.run() }
            let result = try await body(boundAddress)
            group.cancelAll()
            return result
        }
    }

    private var bootstrap: ServerBootstrap {
        let shared = self.shared
        let limits = shared.configuration.limits
        return ServerBootstrap(group: shared.eventLoops.group)
            .serverChannelOption(.backlog, value: 1024)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.socketOption(.tcp_nodelay), value: 1)
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelOption(.maxMessagesPerRead, value: 4)
            .childChannelOption(
                .writeBufferWaterMark,
                value: .init(low: max(1, limits.unsentPause / 2), high: max(2, limits.unsentPause))
            )
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let connection = ServerConnection(
                        shared: shared, executor: shared.eventLoops.executor(for: channel.eventLoop),
                        peer: channel.remoteAddress?.description ?? "unknown")
                    guard shared.registry.add(connection, limit: limits.connections) else {
                        shared.logger.warning("over the limit of connections, closing a new one")
                        throw TooManyConnections()
                    }
                    try channel.pipeline.syncOperations.addHandler(connection)
                }
            }
    }

    private func drain() async {
        let logger = shared.logger
        shared.registry.stop()
        shared.registry.forEach { $0.leave(isStopping: true) }
        let waiting = shared.registry.whenEmpty()
        let timeout = shared.configuration.drainTimeout
        let registry = shared.registry
        let timer = shared.eventLoops.group.any().scheduleTask(in: TimeAmount(timeout)) {
            logger.warning("closing connections that did not finish in time", metadata: ["count": "\(registry.count)"])
            registry.forEach { $0.abort() }
        }
        await waiting.value
        timer.cancel()
        logger.info("stopped")
    }
}

/// What all connections of a server share.
struct ServerShared: Sendable {
    let router: Router
    let pipeline: ServerPipeline
    let configuration: ServerConfiguration
    let eventLoops: EventLoops
    let logger: Logger
    let registry: ConnectionRegistry
    /// Tells this run of the server from others of its name.
    let instance: String
    /// By the positions of the router's entries.
    let loads: [RouteLoad]
    let counters: ServerCounters
    /// The position of the router's entry that tells of the server's health: the last one.
    var healthPosition: Int { loads.count - 1 }
}

/// A server's decisions, counted.
struct ServerCounters: Sendable {
    let shed: Counter
    let wouldShed: Counter
    let late: Counter

    init(_ service: String) {
        func counter(_ decision: String) -> Counter {
            Counter(
                label: "rookery_server_decisions_total", dimensions: [("service", service), ("decision", decision)])
        }
        shed = counter("shed")
        wouldShed = counter("would_shed")
        late = counter("late")
    }
}

private struct AlreadyRunning: Error, CustomStringConvertible {
    var description: String { "a server runs only once" }
}

private struct TooManyConnections: Error {}

/// The address a server was to listen on cannot be bound.
public struct CannotListen: Error, CustomStringConvertible {
    /// The address.
    public let host: String
    /// The port.
    public let port: Int
    let cause: String
    /// Names address and cause.
    public var description: String { "cannot listen on \(host):\(port): \(cause)" }
}

/// The connections of a server.
final class ConnectionRegistry: Sendable {
    private struct State {
        var connections: [ObjectIdentifier: ServerConnection] = [:]
        var waiting: [CheckedContinuation<Void, Never>] = []
        var isStopping = false
    }

    private let state = NIOLockedValueBox(State())

    var count: Int { state.withLockedValue { $0.connections.count } }

    func add(_ connection: ServerConnection, limit: Int) -> Bool {
        state.withLockedValue { state in
            // Accepted just before the listener closed: it would not be told that the server stops.
            guard !state.isStopping, state.connections.count < limit else { return false }
            state.connections[ObjectIdentifier(connection)] = connection
            return true
        }
    }

    var isStopping: Bool { state.withLockedValue { $0.isStopping } }

    /// Takes no further connections.
    func stop() { state.withLockedValue { $0.isStopping = true } }

    func remove(_ connection: ServerConnection) {
        let waiting = state.withLockedValue { state in
            state.connections[ObjectIdentifier(connection)] = nil
            guard state.connections.isEmpty else { return [CheckedContinuation<Void, Never>]() }
            defer { state.waiting = [] }
            return state.waiting
        }
        for continuation in waiting { continuation.resume() }
    }

    /// Does something to each connection, on its loop.
    func forEach(_ body: @escaping @Sendable (ServerConnection) -> Void) {
        let connections = state.withLockedValue { Array($0.connections.values) }
        for connection in connections {
            connection.executor.eventLoop.execute { body(connection) }
        }
    }

    struct Emptiness: Sendable {
        fileprivate let registry: ConnectionRegistry

        /// Returns when there is no connection left.
        var value: Void {
            get async {
                await withCheckedContinuation { continuation in
                    let isEmpty = registry.state.withLockedValue { state in
                        if state.connections.isEmpty { return true }
                        state.waiting.append(continuation)
                        return false
                    }
                    if isEmpty { continuation.resume() }
                }
            }
        }
    }

    func whenEmpty() -> Emptiness { Emptiness(registry: self) }
}

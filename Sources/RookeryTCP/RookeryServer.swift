public import Logging
import NIOConcurrencyHelpers
package import NIOCore
import NIOPosix
public import RookeryCore
public import RookeryPolicies
public import ServiceLifecycle
public import Tracing

/// Serves commands over the Nest TCP wire.
///
/// ```swift
/// let server = try RookeryServer(.init(port: 4002), services: BookingAPIContract.service(Bookings()))
/// try await server.run()
/// ```
///
/// Besides its services it answers what every Rookery server does: how it is (`rookery health`), and what it serves
/// (`rookery describe`).
public final class RookeryServer: Service {
    private enum Phase {
        case idle
        case running
    }

    private let shared: ServerShared
    private let phase = NIOLockedValueBox(Phase.idle)
    private let address = BoundAddress()
    private let health: HealthReporter

    /// Makes a server that is not yet listening. `tracer` is the one that is bootstrapped unless another is given.
    ///
    /// - Throws: ``RookeryPolicies/InvalidSetting``, or ``RookeryCore/DuplicatePattern``.
    public convenience init(
        _ configuration: ServerConfiguration, services: RookeryService..., health: [HealthCheck] = [],
        tracer: (any Tracer)? = nil, logger: Logger = Logger(label: "rookery.server")
    ) throws {
        try self.init(
            configuration, routes: services.flatMap(\.routes), health: health, tracer: tracer, logger: logger)
    }

    package convenience init(
        _ configuration: ServerConfiguration, routes: [Route], health: [HealthCheck] = [],
        eventLoops: EventLoops = .shared, tracer: (any Tracer)? = nil,
        logger: Logger = Logger(label: "rookery.server")
    ) throws {
        try configuration.validate()
        var logger = logger
        logger[metadataKey: "service"] = "\(configuration.name)"
        let instance = String(UInt64.random(in: .min ... .max), radix: 36)
        let limits = configuration.limits
        let registry = ConnectionRegistry(
            ConnectionTable.Limits(
                connections: min(limits.connections, DescriptorLimit.current.connections),
                connectionsPerPeer: limits.connectionsPerPeer))
        let report = HealthReporter(
            service: configuration.name, instance: instance, checks: health, logger: logger
        ) { registry.isStopping }
        let description = Description(service: configuration.name, commands: routes.map(\.command))
        let router = try Router(
            routes + [description.route, report.route], service: configuration.name, tracer: CallTracer(tracer))
        let shared = ServerShared(
            router: router, configuration: configuration, eventLoops: eventLoops, logger: logger, registry: registry,
            instance: instance, memory: MemoryBudget(limit: limits.memory),
            loads: router.patterns.map { _ in LoadGate(configuration.shedding) },
            counters: ServerCounters(configuration.name), metrics: CallMetrics("rpc.server.call.duration", []))
        self.init(shared, report)
    }

    private init(_ shared: ServerShared, _ health: HealthReporter) {
        self.shared = shared
        self.health = health
    }

    /// The same server with an interceptor around every command of its services, outside those that they have. To be run in
    /// place of this one.
    public func intercepted(by interceptor: any Interceptor) -> RookeryServer {
        var shared = self.shared
        shared.router = shared.router.intercepted(by: [interceptor])
        return RookeryServer(shared, health)
    }

    /// The address the server listens on; waits until it does. Throws ``CannotListen``, and `CancellationError` when the task
    /// is cancelled first.
    public var listeningAddress: Instance {
        get async throws {
            let address = try await boundAddress
            return Instance(host: address.ipAddress ?? shared.configuration.host, port: address.port ?? 0)
        }
    }

    /// The address the server is bound to; waits until it is. Throws what binding threw, and `CancellationError` when the
    /// task is cancelled first.
    package var boundAddress: SocketAddress {
        get async throws { try await address.value }
    }

    /// Requests being handled, of all peers and commands.
    package var messagesInFlight: Int { shared.loads.reduce(0) { $0 + $1.count } }

    /// Requests in line for their turn, of all peers and commands; among them those that were given up since.
    var messagesWaiting: Int { shared.loads.reduce(0) { $0 + $1.waitingCount } }

    /// Bytes that are kept for all peers: requests, partial frames and replies.
    package var memoryInUse: Int { shared.memory.used }

    /// How many peers are connected.
    package var connectionCount: Int { shared.registry.count }

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
            address.settle(.failure(failure))
            throw failure
        }
        if let bound = listener.localAddress { address.settle(.success(bound)) }
        shared.logger.info("listening", metadata: ["address": "\(listener.localAddress?.description ?? "?")"])
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.health.run() }
            group.addTask { await self.shared.eventLoops.watchdog.run(self.shared.logger) }
            // Ends by graceful shutdown, or by cancellation, which is a stop as well.
            try? await gracefulShutdown()
            // A listener that is closed already listens no more, which is all that is wanted.
            try? await listener.close().get()
            await self.drain()
            group.cancelAll()
        }
    }

    /// Runs the server for the length of `body`, which gets the address it listens on.
    package func running<Result: Sendable>(_ body: (SocketAddress) async throws -> Result) async throws -> Result {
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
                    let connection = try shared.admit(channel)
                    try channel.pipeline.syncOperations.addHandler(connection)
                }
            }
    }

    private func drain() async {
        let logger = shared.logger
        shared.registry.stop()
        shared.registry.forEach { $0.leave(isStopping: true) }
        let timeout = shared.configuration.drainTimeout
        let registry = shared.registry
        let timer = shared.eventLoops.group.any().scheduleTask(in: TimeAmount(timeout)) {
            logger.warning("closing connections that did not finish in time", metadata: ["count": "\(registry.count)"])
            registry.forEach { $0.abort() }
        }
        await shared.registry.emptied()
        timer.cancel()
        logger.info("stopped")
    }
}

private struct AlreadyRunning: Error, CustomStringConvertible {
    var description: String { "a server runs only once" }
}

/// Runs a server for the length of `body`, which may ask it for its ``RookeryServer/listeningAddress``; then stops it as a
/// graceful shutdown does. Throws what binding throws, and what `body` throws.
public func withRookeryServer<Result: Sendable>(
    _ server: RookeryServer, _ body: (RookeryServer) async throws -> Result
) async throws -> Result {
    try await server.running { _ in try await body(server) }
}

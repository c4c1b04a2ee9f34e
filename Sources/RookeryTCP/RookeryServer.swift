public import Logging
import NIOConcurrencyHelpers
package import NIOCore
import NIOPosix
import RookeryCalls
public import RookeryCore
public import RookeryPolicies
package import RookeryWire
public import ServiceLifecycle
public import Tracing

/// Serves commands over the Nest TCP wire.
///
/// ```swift
/// let server = try RookeryServer(.init(port: 4002), services: BookingAPIContract.service(Bookings()))
/// try await server.run()
/// ```
///
/// Every server also answers two commands about itself: its health (`rookery health`), and the commands that it serves
/// (`rookery describe`).
public final class RookeryServer: Service {
    private enum Phase {
        case idle
        case running
    }

    private let shared: ServerShared
    private let phase = NIOLockedValueBox(Phase.idle)
    /// What accepts connections, once it does.
    private let listener = NIOLockedValueBox<(channel: (any Channel)?, isStopping: Bool)>((nil, false))
    private let address = BoundAddress()
    private let health: HealthReporter

    /// Makes a server that does not listen yet. `tracer` defaults to the bootstrapped tracer.
    ///
    /// - Throws: ``RookeryPolicies/InvalidSetting``, or ``RookeryCore/DuplicatePattern``.
    public convenience init(
        _ configuration: ServerConfiguration, services: RookeryService..., health: [HealthCheck] = [],
        tracer: (any Tracer)? = nil, logger: Logger = Logger(label: "rookery.server")
    ) throws {
        try self.init(
            configuration, routes: services.flatMap(\.routes), health: health, tracer: tracer, logger: logger)
    }

    /// Makes a server of routes that does not listen yet. `tracer` defaults to the bootstrapped tracer.
    ///
    /// - Throws: ``RookeryPolicies/InvalidSetting``, or ``RookeryCore/DuplicatePattern``.
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
            service: configuration.name, instance: instance, checks: health, isOpen: configuration.keys == nil,
            logger: logger
        ) { registry.isStopping }
        let description = Description(service: configuration.name, commands: routes.map(\.command))
        let router = try Router(
            routes + [description.route, report.route], service: configuration.name, tracer: CallTracer(tracer))
        let access = try configuration.keys.map {
            try ServerAccess(
                $0, service: configuration.name, commands: router.commandsByEntry, onKeyUse: configuration.onKeyUse,
                logger: logger)
        }
        let fields = try configuration.fields.keys.map { try FieldKeyFile.cipher($0, logger: logger) }
        let encryption = try ServerEncryption(configuration.tls, logger: logger)
        let shared = ServerShared(
            router: router, configuration: configuration, eventLoops: eventLoops, logger: logger, registry: registry,
            instance: instance, memory: MemoryBudget(limit: limits.memory), access: access,
            encryption: encryption, fields: fields,
            sealingFields: configuration.fields.encrypts(overTLS: encryption != nil) ? fields : nil,
            loads: router.patterns.map { _ in LoadGate(configuration.shedding) },
            counters: ServerCounters(configuration.name), metrics: CallMetrics(service: configuration.name))
        self.init(shared, report)
    }

    /// Returns what the server answers to a request for its health. Its checks run only while the server does.
    package func healthReport() async -> JSONValue { await health.report() }

    private init(_ shared: ServerShared, _ health: HealthReporter) {
        self.shared = shared
        self.health = health
    }

    /// Returns the same server with an interceptor around every command of its services. Run it in place of this one.
    ///
    /// The interceptor runs outside the services' own interceptors, and inside those that earlier calls added.
    public func intercepted(by interceptor: any Interceptor) -> RookeryServer {
        var shared = self.shared
        shared.router = shared.router.intercepted(by: [interceptor])
        return RookeryServer(shared, health)
    }

    /// The address the server listens on. Waits until it listens.
    ///
    /// - Throws: ``CannotListen``, or `CancellationError` if the task is cancelled first.
    public var listeningAddress: Instance {
        get async throws {
            let address = try await boundAddress
            return Instance(host: address.ipAddress ?? shared.configuration.host, port: address.port ?? 0)
        }
    }

    /// The socket address the server listens on. Waits until it listens.
    ///
    /// - Throws: ``CannotListen``, or `CancellationError` if the task is cancelled first.
    package var boundAddress: SocketAddress {
        get async throws { try await address.value }
    }

    /// Requests being handled, of all peers and commands.
    package var messagesInFlight: Int { shared.loads.reduce(0) { $0 + $1.count } }

    /// Requests that wait for their turn, of all peers and commands. Includes requests that have given it up since.
    var messagesWaiting: Int { shared.loads.reduce(0) { $0 + $1.waitingCount } }

    /// Bytes held for all peers: requests, partial frames and replies.
    package var memoryInUse: Int { shared.memory.used }

    /// The number of connections. A closed connection counts until its handlers have returned.
    package var connectionCount: Int { shared.registry.count }

    /// Behaves as if the process had ended: listens no more, and closes all connections, those of handlers under way too. Until
    /// ``comeBack()``. For demonstrations.
    package func playDead() async {
        // A listener that is closed already throws, but listens no more, as wanted.
        try? await listener.withLockedValue { $0.channel }?.close().get()
        shared.registry.forEach { $0.abort() }
    }

    /// Listens again, after ``playDead()``. Throws the error of binding the address.
    package func comeBack() async throws {
        let address = try await boundAddress
        let channel = try await bootstrap.bind(to: address).get()
        let isStopping = listener.withLockedValue { listener in
            listener.channel = channel
            return listener.isStopping
        }
        if isStopping { try await channel.close().get() }
    }

    /// Listens until graceful shutdown or cancellation. Then accepts no more connections, waits at most
    /// ``ServerConfiguration/drainTimeout`` for messages in flight, and closes.
    ///
    /// - Throws: ``CannotListen`` if the address cannot be bound, and another error if called twice.
    public func run() async throws {
        let isFirst = phase.withLockedValue { phase in
            defer { phase = .running }
            return phase == .idle
        }
        guard isFirst else { throw AlreadyRunning() }
        let configuration = shared.configuration
        let channel: any Channel
        do {
            channel = try await bootstrap.bind(host: configuration.host, port: configuration.port).get()
        } catch {
            let failure = CannotListen(host: configuration.host, port: configuration.port, cause: "\(error)")
            address.settle(.failure(failure))
            throw failure
        }
        listener.withLockedValue { $0.channel = channel }
        if let bound = channel.localAddress { address.settle(.success(bound)) }
        let isLoopback = Instance(host: configuration.host, port: configuration.port).isLoopback
        if shared.access == nil, !isLoopback {
            shared.logger.warning("the server is open: every peer may call every command; set keys")
        }
        shared.logger.info("listening", metadata: ["address": "\(channel.localAddress?.description ?? "?")"])
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.health.run() }
            group.addTask { await self.shared.eventLoops.watchdog.run(self.shared.logger) }
            group.addTask { await self.shared.encryption?.watch() }
            group.addTask {
                await self.shared.access?.watch { self.shared.registry.forEach { $0.recheckKey() } }
            }
            // Returns on graceful shutdown. Throws on cancellation, which stops the server too.
            try? await gracefulShutdown()
            let last = self.listener.withLockedValue { listener in
                listener.isStopping = true
                return listener.channel
            }
            // A listener that is closed already throws, but listens no more, as wanted.
            try? await last?.close().get()
            await self.drain()
            group.cancelAll()
        }
    }

    /// Runs the server while `body` runs, then stops it. `body` gets the address the server listens on.
    ///
    /// - Throws: ``CannotListen``, and what `body` throws.
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
                    if let encryption = shared.encryption {
                        let account = connection.entry.peer
                        let handler = encryption.handler { fault in
                            shared.log(account, .warning, "refused a client's certificate", ["reason": "\(fault)"])
                        }
                        try channel.pipeline.syncOperations.addHandler(handler)
                    }
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

/// Runs a server while `body` runs, then stops it as a graceful shutdown does. `body` may read the server's
/// ``RookeryServer/listeningAddress``.
///
/// - Throws: ``CannotListen`` if the address cannot be bound, and what `body` throws.
public func withRookeryServer<Result: Sendable>(
    _ server: RookeryServer, _ body: (RookeryServer) async throws -> Result
) async throws -> Result {
    try await server.running { _ in try await body(server) }
}

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
    private let address = BoundAddress()
    private let health: HealthReporter

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
        let limits = configuration.limits
        let registry = ConnectionRegistry(
            ConnectionTable.Limits(
                connections: min(limits.connections, DescriptorLimit.current.connections),
                connectionsPerPeer: limits.connectionsPerPeer))
        let report = HealthReporter(
            service: configuration.name, instance: instance, checks: health, logger: logger
        ) { registry.isStopping }
        self.health = report
        let router = try Router(routes + [report.route])
        shared = ServerShared(
            router: router, pipeline: ServerPipeline(interceptors), configuration: configuration,
            eventLoops: eventLoops, logger: logger, registry: registry, instance: instance,
            memory: MemoryBudget(limit: limits.memory),
            loads: router.commands.map { _ in LoadGate(configuration.shedding) },
            counters: ServerCounters(configuration.name))
    }

    /// The address the server is bound to; waits until it is. Throws what binding threw, and `CancellationError` when the
    /// task is cancelled first.
    public var boundAddress: SocketAddress {
        get async throws { try await address.value }
    }

    /// Requests being handled, of all peers and commands.
    public var messagesInFlight: Int { shared.loads.reduce(0) { $0 + $1.count } }

    /// Requests in line for their turn, of all peers and commands; among them those that were given up since.
    var messagesWaiting: Int { shared.loads.reduce(0) { $0 + $1.waitingCount } }

    /// Bytes that are kept for all peers: requests, partial frames and replies.
    public var memoryInUse: Int { shared.memory.used }

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
    let memory: MemoryBudget
    /// By the positions of the router's entries.
    let loads: [LoadGate]
    let counters: ServerCounters
    /// The position of the router's entry that tells of the server's health: the last one.
    var healthPosition: Int { loads.count - 1 }

    /// Makes a connection of a channel, or throws why there may not be one more.
    func admit(_ channel: any Channel) throws -> ServerConnection {
        let entry: ConnectionTable.Entry
        do throws(ConnectionTable.Refusal) {
            entry = try registry.table.admit(from: channel.remoteAddress, at: .now()) { channel.close(promise: nil) }
        } catch {
            counters.refusedConnections.increment()
            log(registry.refusals, .warning, "closing a new connection", ["reason": "\(error.rawValue)"])
            throw error
        }
        let connection = ServerConnection(
            shared: self, executor: eventLoops.executor(for: channel.eventLoop), entry: entry,
            peer: channel.remoteAddress?.description ?? "unknown")
        registry.add(connection)
        return connection
    }

    /// Logs what a peer did: a line a second at most, so that no peer can fill the log. What is not written is counted in
    /// the next line.
    func log(
        _ peer: PeerAccount, _ level: Logger.Level, _ message: Logger.Message, _ metadata: Logger.Metadata = [:]
    ) {
        if level < logger.logLevel { return }
        let second = Int(NIODeadline.now().uptimeNanoseconds / 1_000_000_000)
        guard let suppressed = peer.mayLog(second: second) else { return }
        var metadata = metadata
        metadata["peer"] = "\(peer.address)"
        if suppressed > 0 { metadata["suppressed"] = "\(suppressed)" }
        logger.log(level: level, message, metadata: metadata)
    }
}

/// A server's decisions, counted.
struct ServerCounters: Sendable {
    let shed: Counter
    let wouldShed: Counter
    let late: Counter
    let refusedConnections: Counter

    init(_ service: String) {
        func counter(_ decision: String) -> Counter {
            Counter(
                label: "rookery_server_decisions_total", dimensions: [("service", service), ("decision", decision)])
        }
        shed = counter("shed")
        wouldShed = counter("would_shed")
        late = counter("late")
        refusedConnections = counter("refused_connection")
    }
}

private struct AlreadyRunning: Error, CustomStringConvertible {
    var description: String { "a server runs only once" }
}

/// The address a server was to listen on cannot be bound.
public struct CannotListen: Error, CustomStringConvertible {
    /// The address.
    public let host: String
    /// The port.
    public let port: Int
    let cause: String

    /// Names them.
    package init(host: String, port: Int, cause: String) {
        self.host = host
        self.port = port
        self.cause = cause
    }

    /// Names address and cause.
    public var description: String { "cannot listen on \(host):\(port): \(cause)" }
}

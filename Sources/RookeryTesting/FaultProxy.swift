import DequeModule
import NIOConcurrencyHelpers
package import NIOCore
import NIOPosix
#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// A TCP proxy that applies the faults of a bad network to its connections.
///
/// ```swift
/// try await FaultProxy.running(to: port, [.delay(.milliseconds(100)), .slice(1)]) { proxy in
///     let client = RookeryClient(host: "127.0.0.1", port: proxy.port)
/// }
/// ```
package final class FaultProxy: Sendable {
    private let channel: any Channel
    private let shared: Shared

    /// The state that all connections share.
    final class Shared: Sendable {
        let host: String
        let port: Int
        let faults: NIOLockedValueBox<[Fault]>
        let replyFaults = NIOLockedValueBox<[Fault]>([])
        let open = NIOLockedValueBox<[ObjectIdentifier: any Channel]>([:])
        let count = NIOLockedValueBox(0)
        /// The bytes of both directions so far. Nil while nothing is recorded.
        let recorded = NIOLockedValueBox<ByteBuffer?>(nil)
        let random: @Sendable () -> Double

        init(host: String, port: Int, faults: [Fault], random: @escaping @Sendable () -> Double) {
            self.host = host
            self.port = port
            self.faults = NIOLockedValueBox(faults)
            self.random = random
        }
    }

    private init(channel: any Channel, shared: Shared) {
        self.channel = channel
        self.shared = shared
    }

    /// The port on which the proxy listens.
    package var port: Int { channel.localAddress?.port ?? 0 }

    /// The faults in both directions. A change applies to bytes that arrive after it.
    package var faults: [Fault] {
        get { shared.faults.withLockedValue { $0 } }
        set { shared.faults.withLockedValue { $0 = newValue } }
    }

    /// Further faults, only in the direction from the server. A change applies to bytes that arrive after it.
    package var replyFaults: [Fault] {
        get { shared.replyFaults.withLockedValue { $0 } }
        set { shared.replyFaults.withLockedValue { $0 = newValue } }
    }

    /// The number of connections that the proxy has forwarded so far.
    package var connectionCount: Int { shared.count.withLockedValue { $0 } }

    /// Records from now on what passes in both directions, at most 64 MiB, mixed as it comes.
    package func record() { shared.recorded.withLockedValue { $0 = ByteBuffer() } }

    /// What was recorded.
    package var recorded: ByteBuffer { shared.recorded.withLockedValue { $0 ?? ByteBuffer() } }

    /// Resets every open connection.
    package func resetAll() {
        for channel in shared.open.withLockedValue({ Array($0.values) }) { FaultHandler.reset(channel) }
    }

    /// Starts a proxy that listens and forwards connections to `target`. Stop it with ``close()``.
    ///
    /// By default it listens on a free port of 127.0.0.1. `random` returns numbers from 0 to 1.
    package static func start(
        listen: (host: String, port: Int) = ("127.0.0.1", 0), to target: (host: String, port: Int),
        _ faults: [Fault] = [],
        random: @escaping @Sendable () -> Double = { Double.random(in: 0..<1) }
    ) async throws -> FaultProxy {
        let shared = Shared(host: target.host, port: target.port, faults: faults, random: random)
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.socketOption(.tcp_nodelay), value: 1)
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelOption(.autoRead, value: false)
            .childChannelInitializer { accepted in
                accepted.eventLoop.makeCompletedFuture {
                    try accepted.pipeline.syncOperations.addHandler(FaultHandler(shared))
                }.flatMap { connect(accepted, shared) }
            }
            .bind(host: listen.host, port: listen.port).get()
        return FaultProxy(channel: channel, shared: shared)
    }

    private static func connect(_ accepted: any Channel, _ shared: Shared) -> EventLoopFuture<Void> {
        ClientBootstrap(group: accepted.eventLoop)
            .channelOption(.socketOption(.tcp_nodelay), value: 1)
            .channelOption(.allowRemoteHalfClosure, value: true)
            .channelOption(.autoRead, value: false)
            .channelInitializer { upstream in
                upstream.eventLoop.makeCompletedFuture {
                    let near = try accepted.pipeline.syncOperations.handler(type: FaultHandler.self)
                    let far = FaultHandler(shared, isServer: true)
                    near.peer = upstream
                    far.peer = accepted
                    try upstream.pipeline.syncOperations.addHandler(far)
                }
            }
            .connect(host: shared.host, port: shared.port)
            .map { _ in shared.count.withLockedValue { $0 += 1 } }
    }

    /// Runs a proxy to a port of 127.0.0.1 while `body` runs.
    package static func running<Result: Sendable>(
        to port: Int, _ faults: [Fault] = [],
        random: @escaping @Sendable () -> Double = { Double.random(in: 0..<1) },
        _ body: (FaultProxy) async throws -> Result
    ) async throws -> Result {
        let proxy = try await start(to: ("127.0.0.1", port), faults, random: random)
        do {
            let result = try await body(proxy)
            try await proxy.close()
            return result
        } catch {
            try await proxy.close()
            throw error
        }
    }

    /// Stops listening, and resets every open connection.
    package func close() async throws {
        try await channel.close().get()
        resetAll()
    }
}

/// Reads the bytes of one side, applies the faults, and writes the result to the other side.
///
/// Confined to its event loop, which both sides share.
private final class FaultHandler: ChannelInboundHandler, @unchecked Sendable {
    typealias InboundIn = ByteBuffer
    private let shared: FaultProxy.Shared
    private var stream = FaultyStream()
    var peer: (any Channel)?
    /// Bytes that wait to be written. The handler stops reading at `limit`.
    private var pending = 0
    private var wantsRead = false
    /// The steps that are not due yet, in order. The timer is for the first one.
    private var waiting: Deque<FaultyStream.Step> = []
    private var isTimerSet = false
    private static let limit = 1024 * 1024

    /// Whether this side is the server.
    private let isServer: Bool

    init(_ shared: FaultProxy.Shared, isServer: Bool = false) {
        self.shared = shared
        self.isServer = isServer
    }

    func channelActive(context: ChannelHandlerContext) {
        shared.open.withLockedValue { $0[ObjectIdentifier(context.channel)] = context.channel }
        context.read()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let bytes = unwrapInboundIn(data)
        shared.recorded.withLockedValue { recorded in
            if let count = recorded?.readableBytes, count < 64 * 1024 * 1024 { recorded?.writeImmutableBuffer(bytes) }
        }
        var faults = shared.faults.withLockedValue { $0 }
        if isServer { faults += shared.replyFaults.withLockedValue { $0 } }
        perform(stream.received(bytes, faults, at: .now(), random: shared.random), context.channel)
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        if pending < Self.limit { context.read() } else { wantsRead = true }
    }

    /// Performs steps when they are due. A late step delays the steps behind it, so the order never changes.
    private func perform(_ steps: [FaultyStream.Step], _ channel: any Channel) {
        for step in steps {
            if case .write(let bytes) = step.action { pending += bytes.readableBytes }
            waiting.append(step)
        }
        takeDue(channel)
    }

    private func takeDue(_ channel: any Channel) {
        while let next = waiting.first, next.at <= .now() { take(waiting.removeFirst().action, channel) }
        guard !isTimerSet, let next = waiting.first else { return }
        isTimerSet = true
        channel.eventLoop.assumeIsolated().scheduleTask(deadline: next.at) {
            self.isTimerSet = false
            self.takeDue(channel)
        }
    }

    private func take(_ action: FaultyStream.Step.Action, _ channel: any Channel) {
        guard let peer else { return }
        switch action {
        case .write(let bytes):
            pending -= bytes.readableBytes
            peer.writeAndFlush(bytes, promise: nil)
            if wantsRead, pending < Self.limit {
                wantsRead = false
                channel.read()
            }
        case .halfClose: peer.close(mode: .output, promise: nil)
        case .close:
            self.peer = nil
            peer.close(promise: nil)
        case .reset:
            Self.reset(peer)
            Self.reset(channel)
        }
    }

    /// Resets a connection: with `SO_LINGER` of zero, closing a socket sends a reset.
    static func reset(_ channel: any Channel) {
        guard let socket = channel as? any SocketOptionProvider else { return channel.close(promise: nil) }
        socket.setSoLinger(linger(l_onoff: 1, l_linger: 0)).whenComplete { _ in channel.close(promise: nil) }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case ChannelEvent.inputClosed = event { perform(stream.ended(isGone: false, at: .now()), context.channel) }
    }

    func channelInactive(context: ChannelHandlerContext) {
        shared.open.withLockedValue { $0[ObjectIdentifier(context.channel)] = nil }
        perform(stream.ended(isGone: true, at: .now()), context.channel)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}

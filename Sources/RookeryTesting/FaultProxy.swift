import DequeModule
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix

/// A TCP proxy that does to connections what bad networks do.
///
/// ```swift
/// try await FaultProxy.running(to: port, [.delay(.milliseconds(100)), .slice(1)]) { proxy in
///     let client = RookeryClient(host: "127.0.0.1", port: proxy.port)
/// }
/// ```
package final class FaultProxy: Sendable {
    private let channel: any Channel
    private let shared: Shared

    /// What all connections share.
    final class Shared: Sendable {
        let host: String
        let port: Int
        let faults: NIOLockedValueBox<[Fault]>
        let replyFaults = NIOLockedValueBox<[Fault]>([])
        let open = NIOLockedValueBox<[ObjectIdentifier: any Channel]>([:])
        let count = NIOLockedValueBox(0)
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

    /// The port it listens on.
    package var port: Int { channel.localAddress?.port ?? 0 }

    /// What is done to bytes that come from now on, in both directions.
    package var faults: [Fault] {
        get { shared.faults.withLockedValue { $0 } }
        set { shared.faults.withLockedValue { $0 = newValue } }
    }

    /// What is done beside that to what the server says, from now on.
    package var replyFaults: [Fault] {
        get { shared.replyFaults.withLockedValue { $0 } }
        set { shared.replyFaults.withLockedValue { $0 = newValue } }
    }

    /// Connections that were taken so far.
    package var connectionCount: Int { shared.count.withLockedValue { $0 } }

    /// Ends every connection that is open, without a word.
    package func resetAll() {
        for channel in shared.open.withLockedValue({ Array($0.values) }) { FaultHandler.reset(channel) }
    }

    /// Listens, and forwards to a port. ``close()`` ends it. `random` gives numbers from 0 to 1.
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

    /// Listens for the length of `body`.
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

    /// Takes no more connections, and ends those that are open.
    package func close() async throws {
        try await channel.close().get()
        resetAll()
    }
}

/// Takes one side's bytes and gives them, or what faults leave of them, to the other side. Confined to its event loop, which
/// both sides share.
private final class FaultHandler: ChannelInboundHandler, @unchecked Sendable {
    typealias InboundIn = ByteBuffer
    private let shared: FaultProxy.Shared
    private var stream = FaultyStream()
    var peer: (any Channel)?
    /// Bytes that are on their way; above the limit nothing more is read.
    private var pending = 0
    private var wantsRead = false
    /// Steps that are not taken yet, in their order, of which the first has the timer.
    private var waiting: Deque<FaultyStream.Step> = []
    private var isTimerSet = false
    private static let limit = 1024 * 1024

    /// Whether it reads what the server says.
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
        var faults = shared.faults.withLockedValue { $0 }
        if isServer { faults += shared.replyFaults.withLockedValue { $0 } }
        perform(stream.received(bytes, faults, at: .now(), random: shared.random), context.channel)
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        if pending < Self.limit { context.read() } else { wantsRead = true }
    }

    /// Steps are taken in the order they came in, however late the loop is: what is due waits for what came before it.
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

    /// With no time to linger, a close is a reset.
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

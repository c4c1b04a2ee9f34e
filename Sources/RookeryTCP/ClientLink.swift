import Logging
import NIOCore
import NIOPosix
import NIOTLS
import RookeryCore
import RookeryCalls
import RookeryPolicies
import RookeryWire

/// One connection to a server, from the connection attempt to its end, and the calls in flight on it.
///
/// Confined to its event loop.
final class ClientLink: ChannelInboundHandler, LoopSettling, @unchecked Sendable {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// The states of a link. `connecting` becomes `open`. `open` becomes `leaving` when the server sends go-away or the
    /// owner drains. Every state can become `closed`.
    enum State {
        /// Calls wait for the connection.
        case connecting
        /// The link writes each call at once.
        case open
        /// The link takes no new calls, and closes when the calls in flight have ended.
        case leaving
        /// The connection has ended, or the client was closed.
        case closed
    }

    enum Agreement {
        /// The server has not answered the hello yet; the link sends text frames.
        case unknown
        /// The server does not use binary frames; the link sends text frames.
        case plain
        /// The server accepted binary frames.
        case binary(Negotiated)
        /// The server refused the client's key.
        case refused(any Error)
    }

    let owner: ClientConnection
    /// The key that the link shows; nil if the client has none.
    let key: ServiceKey?
    /// The nonce of the hello.
    let nonce: String?
    var keyTimer: RepeatedTask?
    private var handshakeTimer: Scheduled<Void>?
    let executor: LoopExecutor
    let configuration: ClientConfiguration
    var state = State.connecting
    var agreement = Agreement.unknown
    var lateHello: UInt64?
    var waitingForAgreement: [(Result<Bool, any Error>) -> Void] = []
    var context: ChannelHandlerContext?
    /// Senders of client streams that wait until the connection takes more bytes.
    var waitingForRoom: [ObjectIdentifier: ClientStreamSender] = [:]
    var decoder: FrameDecoder
    var writer = ValueWriter(capacity: 4096)
    private var isUnsettled = false
    private var isEnding = false
    var pending = PendingTable<PendingCall>()
    /// Calls that the link writes once it is connected, in order.
    private var waiting: [PendingCall] = []
    var timer: Scheduled<Void>?
    var timerDeadline = NIODeadline.distantFuture
    private var reason = ClientLink.closedByPeer
    private static let closedByPeer = "closed by the peer"
    /// When the link last received bytes, or connected.
    var heardAt = NIODeadline.now()
    var silenceTimer: Scheduled<Void>?
    /// Whether `leave()` was called before the link was connected. Once connected, the link writes its waiting calls,
    /// then leaves.
    private var leavesWhenOpen = false

    init(_ owner: ClientConnection) {
        self.owner = owner
        key = owner.key?.key
        nonce = key == nil ? nil : ServiceKey.nonce()
        executor = owner.executor
        configuration = owner.configuration
        decoder = FrameDecoder(
            frameLimit: configuration.frameLimit, skipLimit: configuration.frameLimit * Self.skippedFrames)
        if !configuration.negotiates { agreement = .plain }
    }

    /// The decoder skips a reply longer than the frame limit, and only its call fails. A reply longer than this many
    /// frame limits ends the connection.
    private static let skippedFrames = 16

    var address: String { owner.instance.description }

    // MARK: Calls

    /// Registers a call and writes it: now, or once the link is connected.
    ///
    /// Fails the call with `tooManyCalls` at a limit of the pool, or when too many bytes are unsent.
    func send(_ call: PendingCall) {
        if call.isCancelled { return call.resume(throwing: CancellationError()) }
        if pending.count >= configuration.pool.maximumPendingCalls, !call.isOwn {
            return call.resume(
                throwing: CallError(.tooManyCalls, "\(pending.count) calls to \(address) are under way."))
        }
        if case .connecting = state, waiting.count >= configuration.pool.maximumWaiting, !call.isOwn {
            return call.resume(
                throwing: CallError(.tooManyCalls, "\(waiting.count) calls wait for a connection to \(address)."))
        }
        if isClogged, !call.isOwn {
            return call.resume(
                throwing: CallError(
                    .tooManyCalls, "Over \(Self.unsentLimit) bytes to \(address) are unsent."))
        }
        call.link = self
        call.id = pending.insert(call)
        if call.deadline < timerDeadline { arm(call.deadline) }
        if case .connecting = state { waiting.append(call) } else { write(call) }
    }

    /// Unsent bytes above which the link refuses calls: 16 MiB.
    private static let unsentLimit = 16 * 1024 * 1024

    private var isClogged: Bool {
        guard let channel = context?.channel, !channel.isWritable else { return false }
        return channel.unsentBytes > Self.unsentLimit
    }

    func write(_ call: PendingCall) {
        if waitsForAgreement(call) { return }
        if case .refused(let error) = agreement, !call.isOwn { return forget(call, error) }
        do {
            // While another thread compresses the payload, `encode` returns false; `write` then runs again for the
            // call.
            guard try encode(call) else { return }
        } catch {
            return forget(call, error)
        }
        call.encoded = nil
        call.wasWritten = true
        settleSoon()
        sendClientStream(of: call)
        if case .event = call.kind {
            remove(call)
            call.resume(returning: .absent)
        }
    }

    func remove(_ call: PendingCall) {
        pending.remove(call.id)
        call.link = nil
        if pending.count == 0, case .leaving = state { settleSoon() }
    }

    /// Removes a call and fails it with `error`. Sends a cancel if the call was written and the server uses binary
    /// frames.
    func forget(_ call: PendingCall, _ error: any Error) {
        guard pending[call.id] === call else { return }
        remove(call)
        call.encoded = nil
        if case .proof = call.kind { return proofAnswered(.failure(error)) }
        if case .hello = call.kind, key != nil, !configuration.sendsKey {
            // No call goes out without the key. None was written, so each may be tried again.
            return refused(
                CallError(.cannotConnect, "\(address) did not answer the hello in time.", cause: "\(error)"))
        }
        if case .hello = call.kind {
            // The hello timed out, so the link treats the server as plain. A late answer still counts, because the
            // server sends binary frames after it.
            lateHello = call.id
            return helloAnswered(.failure(error))
        }
        if case .keepalive = call.kind {
            // Any bytes received since the ping count as its answer.
            if heardAt > call.deadline - TimeAmount(configuration.pool.pingTimeout) { return watchSilence() }
            let limit = configuration.pool.pingTimeout.milliseconds
            reason = "silent, and no answer to a ping in \(limit) ms"
            let channel = context?.channel
            ended()
            channel?.close(promise: nil)
            return
        }
        if call.wasWritten { tell(.cancel, call.id) }
        call.resume(throwing: error)
    }

    /// Grants the server credit for `amount` more values of a stream.
    func grant(_ call: PendingCall, _ amount: Int) { tell(.credit, call.id, UInt32(clamping: amount)) }

    func tell(_ kind: BinaryHeader.Kind, _ id: UInt64, _ amount: UInt32 = 0) {
        guard case .binary = agreement, context != nil else { return }
        var header = BinaryHeader(kind, id: id)
        header.amount = amount
        writer.binaryFrame(header)
        settleSoon()
    }

    /// Takes no new calls, and closes when the calls in flight have ended.
    func leave() {
        owner.left(self)
        switch state {
        case .connecting: leavesWhenOpen = true
        case .open:
            state = .leaving
            settleSoon()
        case .leaving, .closed: break
        }
    }

    func settleSoon() {
        if isUnsettled { return }
        isUnsettled = true
        executor.settleLater(self)
    }

    func settle() {
        isUnsettled = false
        guard let context else { return }
        if writer.count > 0, state != .connecting {
            let bytes = writer.withUnsafeBytes { context.channel.allocator.buffer(bytes: $0) }
            writer.reset()
            context.writeAndFlush(wrapOutboundOut(bytes), promise: nil)
        }
        if pending.count == 0, case .leaving = state, !isEnding {
            isEnding = true
            context.channel.closeWhenWritten(within: .seconds(5))
        }
    }

    private func failAll(_ error: (PendingCall) -> CallError) {
        let calls = pending.removeAll()
        waiting = []
        waitingForRoom = [:]
        timer?.cancel()
        timer = nil
        timerDeadline = .distantFuture
        silenceTimer?.cancel()
        silenceTimer = nil
        keyTimer?.cancel()
        keyTimer = nil
        handshakeTimer?.cancel()
        handshakeTimer = nil
        for call in calls {
            call.link = nil
            call.resume(throwing: error(call))
        }
    }

    /// Whether calls of `command` use binary frames.
    func hasFrames(for command: Command) -> Bool {
        if case .binary(let negotiated) = agreement { negotiated.patterns[command.pattern.route] != nil } else { false }
    }

    // MARK: The channel

    func connect() {
        ClientBootstrap(group: executor.eventLoop)
            .connectTimeout(TimeAmount(configuration.connectTimeout))
            .channelOption(.socketOption(.tcp_nodelay), value: 1)
            .channelOption(.maxMessagesPerRead, value: 4)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    if let encryption = self.owner.encryption {
                        let handler = try encryption.handler(for: self.owner.instance.host) { fault in
                            self.executor.eventLoop.execute { self.reason = "\(fault)" }
                        }
                        try channel.pipeline.syncOperations.addHandler(handler)
                    }
                    try channel.pipeline.syncOperations.addHandler(self)
                }
            }
            .connect(host: owner.instance.host, port: owner.instance.port)
            .whenFailure { self.ended(connecting: "\($0)") }
    }

    /// Fails all calls with `code`, then closes the connection once all written bytes are sent, after at most 5 s.
    func close(_ code: CallError.Code) {
        guard state != .closed else { return }
        state = .closed
        failAll { CallError(code, "The client was closed.", of: $0) }
        settle(throwing: CallError(code, "The client was closed."))
        // Bytes that are already encoded are sent before the close.
        if writer.count > 0, let context {
            let bytes = writer.withUnsafeBytes { context.channel.allocator.buffer(bytes: $0) }
            writer.reset()
            context.writeAndFlush(wrapOutboundOut(bytes), promise: nil)
        }
        context?.channel.closeWhenWritten(within: .seconds(5))
    }

    private func settle(throwing error: CallError) {
        let bodies = waitingForAgreement
        waitingForAgreement = []
        for body in bodies { body(.failure(error)) }
    }

    /// Ends the link. Calls fail with `connectionLost`, or with `cannotConnect` if the link never connected.
    private func ended(connecting cause: String? = nil) {
        owner.ended(self)
        guard state != .closed else { return }
        let wasConnecting = state == .connecting
        state = .closed
        writer.reset()
        let (address, reason) = (self.address, cause ?? self.reason)
        let unreachable = CallError(.cannotConnect, "Cannot connect to \(address).", cause: reason)
        let lost = "The connection to \(address) was lost."
        failAll { wasConnecting ? unreachable : CallError(.connectionLost, lost, of: $0, cause: reason) }
        settle(throwing: wasConnecting ? unreachable : CallError(.connectionLost, lost, cause: reason))
        executor.drain()
    }

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    /// The context and its handler reference each other; this breaks the cycle.
    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    func channelActive(context: ChannelHandlerContext) {
        guard state == .connecting else { return context.close(promise: nil) }
        guard owner.encryption != nil else { return opened(context) }
        // The connection is open after the handshake. A server that never answers it must not hold calls up.
        let limit = Self.patience(configuration)
        let channel = context.channel
        handshakeTimer = executor.eventLoop.scheduleTask(in: limit) {
            self.reason = "no TLS handshake in \(limit.nanoseconds / 1_000_000) ms"
            channel.close(promise: nil)
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case TLSUserEvent.handshakeCompleted = event { opened(context) }
        context.fireUserInboundEventTriggered(event)
    }

    private func opened(_ context: ChannelHandlerContext) {
        handshakeTimer?.cancel()
        handshakeTimer = nil
        guard state == .connecting else { return context.close(promise: nil) }
        state = .open
        owner.logger.debug("connected", metadata: ["address": "\(address)"])
        if case .unknown = agreement {
            let hello = PendingCall(.hello, before: .now() + openingLimit)
            send(hello)
        }
        let calls = waiting
        waiting = []
        // A call that was cancelled or timed out while it waited is no longer in `pending`.
        for call in calls where pending[call.id] === call { write(call) }
        heardAt = .now()
        watchSilence()
        watchKey()
        if leavesWhenOpen { leave() }
        executor.drain()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard state == .open || state == .leaving else { return }
        executor.readBegan()
        decoder.append(unwrapInboundIn(data))
        do throws(FramingError) {
            while state != .closed, let frame = try decoder.nextFrame() {
                switch frame {
                case .text(let body): try received(body)
                case .binary(let header, let body): try received(header, body)
                case .skipped(let frame): try received(frame)
                }
            }
        } catch {
            broken(error)
        }
    }

    /// Ends the connection after a framing error.
    func broken(_ error: FramingError) {
        reason = "\(error)"
        let channel = context?.channel
        ended()
        channel?.close(promise: nil)
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        decoder.releaseMemory()
        heardAt = .now()
        executor.endBurst()
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.context = nil
        ended()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // The check of the server's certificate has said why already.
        if owner.encryption == nil || reason == Self.closedByPeer { reason = TLSFault.text(error) }
        context.close(promise: nil)
    }
}

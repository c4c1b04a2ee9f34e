import Logging
import NIOCore
import NIOPosix
import RookeryCore
import RookeryCalls
import RookeryPolicies
import RookeryWire

/// One connection to a server, from the attempt to connect to its end, and the calls that are under way on it.
///
/// Confined to its event loop.
final class ClientLink: ChannelInboundHandler, LoopSettling, @unchecked Sendable {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// From `connecting` to `open`; to `leaving` when the server asked to be left; to `closed` from each.
    enum State {
        /// Calls wait.
        case connecting
        /// Calls are written as they come.
        case open
        /// Takes no new calls; closes when those under way are answered.
        case leaving
        /// Gone.
        case closed
    }

    enum Agreement {
        /// The hello has not been answered: what is sent is text.
        case unknown
        /// A plain peer: text.
        case plain
        /// Binary frames.
        case binary(Negotiated)
    }

    let owner: ClientConnection
    let executor: LoopExecutor
    let configuration: ClientConfiguration
    var state = State.connecting
    var agreement = Agreement.unknown
    var lateHello: UInt64?
    var waitingForAgreement: [(Result<Bool, any Error>) -> Void] = []
    private var context: ChannelHandlerContext?
    var decoder: FrameDecoder
    var writer = ValueWriter(capacity: 4096)
    private var isUnsettled = false
    private var isEnding = false
    var pending = PendingTable<PendingCall>()
    /// Calls to be written when connected, in order.
    private var waiting: [PendingCall] = []
    var timer: Scheduled<Void>?
    var timerDeadline = NIODeadline.distantFuture
    private var reason = "closed by the peer"
    /// When something last came.
    var heardAt = NIODeadline.now()
    var silenceTimer: Scheduled<Void>?
    /// The owner leaves as soon as there is a connection, and its calls are answered.
    private var leavesWhenOpen = false

    init(_ owner: ClientConnection) {
        self.owner = owner
        executor = owner.executor
        configuration = owner.configuration
        decoder = FrameDecoder(
            frameLimit: configuration.frameLimit, skipLimit: configuration.frameLimit * Self.skippedFrames)
        if !configuration.negotiates { agreement = .plain }
    }

    /// A reply over the frame limit is passed over, and only its call fails; one so many times as long ends the connection.
    private static let skippedFrames = 16

    var address: String { owner.instance.description }

    // MARK: Calls

    /// Enters a call and writes it, now or when connected.
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
                    .tooManyCalls, "\(address) does not take what was sent: over \(Self.unsentLimit) bytes wait."))
        }
        call.link = self
        call.id = pending.insert(call)
        if call.deadline < timerDeadline { arm(call.deadline) }
        if case .connecting = state { waiting.append(call) } else { write(call) }
    }

    /// Bytes that the connection has not taken, above which nothing more is sent on it: 16 MiB.
    private static let unsentLimit = 16 * 1024 * 1024

    private var isClogged: Bool {
        guard let channel = context?.channel, !channel.isWritable else { return false }
        return channel.unsentBytes > Self.unsentLimit
    }

    /// A keyed call's key travels in metadata, which a peer gets that is known to take it: the call waits until that is
    /// known. Sent without its key, it could not be repeated.
    private func waitsForAgreement(_ call: PendingCall) -> Bool {
        guard case .unknown = agreement, !configuration.sendsMetadata, call.call?.command.idempotency == .keyed else {
            return false
        }
        whenAgreed { result in
            // A link that has ended has failed its calls.
            if case .success = result, self.pending[call.id] === call { self.write(call) }
        }
        return true
    }

    func write(_ call: PendingCall) {
        if waitsForAgreement(call) { return }
        do {
            // Compressed elsewhere, it comes here again.
            guard try encode(call) else { return }
        } catch {
            return forget(call, error)
        }
        call.encoded = nil
        call.wasWritten = true
        settleSoon()
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

    /// The caller does not wait any longer, and the peer is told.
    func forget(_ call: PendingCall, _ error: any Error) {
        guard pending[call.id] === call else { return }
        remove(call)
        call.encoded = nil
        if case .hello = call.kind {
            // Not answered in time: a plain peer, unless its answer comes late. It would speak frames then.
            lateHello = call.id
            return helloAnswered(.failure(error))
        }
        if case .keepalive = call.kind {
            // Anything that came is an answer.
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

    /// More values of a stream may come.
    func grant(_ call: PendingCall, _ amount: Int) { tell(.credit, call.id, UInt32(clamping: amount)) }

    func tell(_ kind: BinaryHeader.Kind, _ id: UInt64, _ amount: UInt32 = 0) {
        guard case .binary = agreement, context != nil else { return }
        var header = BinaryHeader(kind, id: id)
        header.amount = amount
        writer.binaryFrame(header)
        settleSoon()
    }

    /// No new calls come to it: it closes when those under way are answered.
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
        timer?.cancel()
        timer = nil
        timerDeadline = .distantFuture
        silenceTimer?.cancel()
        silenceTimer = nil
        for call in calls {
            call.link = nil
            call.resume(throwing: error(call))
        }
    }

    /// Whether calls of a pattern go in binary frames.
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
                channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(self) }
            }
            .connect(host: owner.instance.host, port: owner.instance.port)
            .whenFailure { self.ended(connecting: "\($0)") }
    }

    /// The client is closed.
    func close(_ code: CallError.Code) {
        guard state != .closed else { return }
        state = .closed
        failAll { CallError(code, "The client was closed.", of: $0) }
        settle(throwing: CallError(code, "The client was closed."))
        // What was written goes out first.
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

    /// There is, or will be, no connection.
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

    /// The context holds its handler: without this neither would ever be freed.
    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    func channelActive(context: ChannelHandlerContext) {
        guard state == .connecting else { return context.close(promise: nil) }
        state = .open
        owner.logger.debug("connected", metadata: ["address": "\(address)"])
        if case .unknown = agreement {
            let hello = PendingCall(.hello, before: .now() + TimeAmount(configuration.connectTimeout))
            send(hello)
        }
        let calls = waiting
        waiting = []
        // Calls cancelled or late while waiting are no longer under way.
        for call in calls where pending[call.id] === call { write(call) }
        heardAt = .now()
        watchSilence()
        if leavesWhenOpen { leave() }
        executor.drain()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard state == .open || state == .leaving else { return }
        executor.beginBurst()
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

    /// What the peer says cannot be understood any more.
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
        reason = "\(error)"
        context.close(promise: nil)
    }
}

import NIOCore
import NIOTLS
import RookeryCore
import RookeryCalls
import RookeryPolicies
import RookeryWire
import Logging

/// One connection of a server. Decodes frames, has a task handle each message, and writes the tasks' answers once per
/// burst.
///
/// Confined to its event loop, tasks included: they run on the loop's executor. The connection owns its tasks. When it
/// is lost, it cancels the handlers of requests. A stop waits for all handlers.
final class ServerConnection: ChannelInboundHandler, LoopSettling, @unchecked Sendable {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// The states of a connection. `open` becomes `leaving` when the server sends go-away, or `closing` if the peer
    /// does not know go-away. Both become `closing` on a framing error or when the peer stops sending. Every state
    /// becomes `closed` when the channel ends.
    enum State {
        /// The connection takes messages.
        case open
        /// The peer was sent go-away. The connection takes messages until the peer stops sending, then answers the rest
        /// and closes.
        case leaving
        /// The connection takes no further messages, and closes when those in flight are finished.
        case closing
        /// The channel has closed; tasks may still run.
        case closed
    }

    let shared: ServerShared
    let executor: LoopExecutor
    let entry: ConnectionTable.Entry
    let peer: String
    var context: ChannelHandlerContext?
    var state = State.open
    var decoder: FrameDecoder
    var writer = ValueWriter(capacity: 4096)
    var negotiated: Negotiated?

    // The peer's service key, see +Keys.
    /// What the peer's key allows. Nil without a keyring, and until the peer has shown a key.
    var grant: Grant? { didSet { origin = MessageOrigin(peer: peer, caller: grant?.caller) } }
    /// The origin of messages that come now. A change of the key replaces it.
    private(set) var origin: MessageOrigin
    /// The key that a plain peer showed last.
    var plainKey: String?
    /// The hello of a peer that has a key, and the nonce that it was asked to sign.
    var challenge: (hello: Hello, nonce: String)?
    var wrongKeys = 0
    /// Messages that were refused for want of a key.
    var refusals = 0

    /// The largest frame that the peer takes, in bytes. Never more than the server's own limit, which applies to a peer
    /// that states none.
    var peerFrameLimit: Int
    private var isUnsettled = false
    private var isEnding = false
    private var abortTimer: Scheduled<Void>?

    // Messages and their handlers, see +Handlers.
    /// Messages in flight: they came and are not finished.
    var inFlight = 0
    /// Messages in flight that have a stream, a client stream or both.
    var streams = 0
    /// Messages whose handlers have not begun, from index `firstQueued` on.
    var queue: [ServerRequest] = []
    var firstQueued = 0
    /// Messages that wait for their turn at their command's gate, see +Turns.
    var awaiting: [ObjectIdentifier: ServerRequest] = [:]
    var tasks: [ObjectIdentifier: HandlerTask] = [:]
    var parked: [HandlerTask] = []
    /// Requests that send values of a stream and take credit, by their call ids.
    var creditTakers: [UInt64: ServerRequest] = [:]
    var holding: [ServerRequest] = []
    /// Client streams whose end has not come, by the ids of their calls.
    var clientStreams: [UInt64: ClientStreamReceiver] = [:]

    // Memory held for the peer, and room for its answers, see +Memory.
    var memory = ConnectionMemory()
    /// Handlers that wait until the peer has taken some of its answers.
    var waitingForRoom: [Int: CheckedContinuation<Void, Never>] = [:]
    var nextWaiting = 0
    var postponed: [PostponedReply] = []
    var isReading = true
    var isWatchingUnsent = false
    var isContinuing = false
    /// Whether received frames are not decoded yet, because the loop's other connections have their turn first.
    var hasBacklog = false

    // Timers, see +Time.
    var partialFrameTimer: Scheduled<Void>?
    var deadlineTimer: Scheduled<Void>?
    /// The time for which `deadlineTimer` is set.
    var nextDeadline = NIODeadline.distantFuture
    var ageTimer: Scheduled<Void>?
    var idleTimer: Scheduled<Void>?
    private var handshakeTimer: Scheduled<Void>?
    var lastMessageAt = NIODeadline.now()
    var framesRead: UInt64 = 0

    init(shared: ServerShared, executor: LoopExecutor, entry: ConnectionTable.Entry, peer: String) {
        self.shared = shared
        self.executor = executor
        self.entry = entry
        self.peer = peer
        origin = MessageOrigin(peer: peer, caller: nil)
        peerFrameLimit = shared.configuration.limits.frame
        decoder = FrameDecoder(frameLimit: shared.configuration.limits.frame)
    }

    // MARK: Channel events

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        watchAge()
        watchIdleness()
        guard shared.encryption != nil else { return }
        // A handshake that does not end must not keep a place for ever.
        let limit = TimeAmount(shared.configuration.limits.incompleteFrame)
        let channel = context.channel
        handshakeTimer = executor.eventLoop.scheduleTask(in: limit) { channel.close(promise: nil) }
    }

    /// The context and its handler reference each other; this breaks the cycle.
    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        ended()
    }

    var takesMessages: Bool {
        switch state {
        case .open, .leaving: true
        case .closing, .closed: false
        }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard takesMessages else { return }
        executor.readBegan()
        decoder.append(unwrapInboundIn(data))
        readFrames()
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        handleQueued()
        executor.endBurst()
        accountForPartialFrame()
        watchPartialFrame()
    }

    /// How many frames a connection decodes before the loop's other connections get their turn.
    private static let framesPerTurn = 256

    /// Decodes received frames, at most `framesPerTurn` of them.
    func readFrames() {
        var left = Self.framesPerTurn
        hasBacklog = false
        do throws(FramingError) {
            while takesMessages, let frame = try decoder.nextFrame() {
                framesRead &+= 1
                switch frame {
                case .text(let body): try received(body)
                case .binary(let header, let body): try received(header, body)
                case .skipped(let frame): received(frame)
                }
                left -= 1
                if left == 0 {
                    hasBacklog = true
                    updateReading()
                    return continueSoon()
                }
            }
        } catch {
            framingFailed(error)
        }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        updateUnsent()
        updateReading()
        roomChanged()
    }

    func channelInactive(context: ChannelHandlerContext) { ended() }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        shared.logger.debug("connection failed", metadata: ["peer": "\(peer)", "error": "\(error)"])
        context.close(promise: nil)
    }

    /// Handles a half-close: the peer sends no more, but may still wait for its answers. Streams end, because on the
    /// plain wire a consumer has no other way to leave.
    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case TLSUserEvent.handshakeCompleted = event {
            handshakeTimer?.cancel()
            handshakeTimer = nil
        }
        if case ChannelEvent.inputClosed = event {
            // Frames that still wait in the decoder came before the half-close.
            while hasBacklog, takesMessages { readFrames() }
            close(.abandonStreams)
        }
    }

    func framingFailed(_ error: FramingError) {
        shared.log(entry.peer, .warning, "closing a connection after a framing error", ["reason": "\(error)"])
        close(.abandonStreams)
    }

    // MARK: The end of a burst

    func settleSoon() {
        if isUnsettled { return }
        isUnsettled = true
        executor.settleLater(self)
    }

    func settle() {
        isUnsettled = false
        if !holding.isEmpty {
            let holding = self.holding
            self.holding.removeAll(keepingCapacity: true)
            for request in holding { request.release() }
        }
        // Messages are left over when a handler suspends. Another task continues with them.
        handleQueued()
        returnPermits()
        guard let context else { return endIfDone() }
        flush(context)
        if inFlight == 0, case .closing = state, !isEnding {
            isEnding = true
            context.channel.closeWhenWritten(within: TimeAmount(shared.configuration.drainTimeout))
        }
    }

    func flush(_ context: ChannelHandlerContext) {
        guard writer.count > 0 else { return }
        let bytes = writer.withUnsafeBytes { context.channel.allocator.buffer(bytes: $0) }
        writer.reset()
        context.writeAndFlush(wrapOutboundOut(bytes), promise: nil)
        updateUnsent()
        if hasWaiting { roomChanged() }
    }

    // MARK: Ending

    /// Ends the connection after the channel has closed. A channel that closes before it was active never becomes
    /// inactive; `handlerRemoved` covers that case.
    private func ended() {
        if case .closed = state { return }
        state = .closed
        for timer in [partialFrameTimer, abortTimer, deadlineTimer, ageTimer, idleTimer, handshakeTimer] {
            timer?.cancel()
        }
        dropUnanswerable()
        wakeWaiting()
        // An event's sender may close at once. The connection still handles every event that came.
        handleQueued()
        executor.drain()
        decoder = FrameDecoder(frameLimit: 1)
        accountForPartialFrame()
        endIfDone()
    }

    /// Removes the connection from the registry once the channel has closed and no message is in flight.
    func endIfDone() {
        guard case .closed = state, inFlight == 0 else { return }
        memory.release(shared.memory, entry.peer)
        shared.registry.remove(self)
    }

    /// Finishes the messages in flight and closes. On the loop.
    ///
    /// The server sends go-away to a peer that supports it, and that peer then sends no more calls. Until the peer
    /// closes, the connection still answers what the peer sent meanwhile, so no call is lost. When the server stops,
    /// streams end. On a connection that has only become old, streams continue, and the connection closes after them.
    func leave(isStopping: Bool = false) {
        guard case .open = state, canSayGoAway else { return close(.endStreams) }
        state = .leaving
        if isStopping {
            abortLater()
            endStreams(abandoning: false)
        }
        write(BinaryHeader(.goAway, id: 0))
    }

    var canSayGoAway: Bool { negotiated?.reply.features.contains("go-away") ?? false }

    /// What happens to streams when a connection closes. A stream may never end by itself.
    enum Closing {
        /// Streams end with an error that says why.
        case endStreams
        /// Streams end without an error: their peer has left, or its bytes cannot be decoded.
        case abandonStreams
    }

    /// Takes no further messages, finishes those in flight, and closes. On the loop.
    func close(_ closing: Closing) {
        guard takesMessages else { return }
        state = .closing
        hasBacklog = false
        partialFrameTimer?.cancel()
        abortLater()
        endStreams(abandoning: closing == .abandonStreams)
        settleSoon()
    }

    /// Aborts the connection after `drainTimeout`: a handler that never returns must not keep it open.
    func abortLater() {
        guard abortTimer == nil else { return }
        abortTimer = context?.eventLoop.assumeIsolated().scheduleTask(
            in: TimeAmount(shared.configuration.drainTimeout)
        ) { self.abort() }
    }

    /// Cancels all handlers, those of events included, and closes. On the loop.
    func abort() {
        for task in Array(tasks.values) { task.cancel() }
        context?.channel.closeAndRead()
    }
}

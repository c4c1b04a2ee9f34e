import NIOCore
import RookeryCore
import RookeryCalls
import RookeryPolicies
import RookeryWire
import Logging

/// One peer of a server: cuts frames, has a task handle each message, and writes what the tasks answer, once per burst.
///
/// Confined to its event loop, tasks included: they run on the loop's executor. It owns them: a lost connection cancels
/// those whose answers are not sent, and a stop waits for them.
final class ServerConnection: ChannelInboundHandler, LoopSettling, @unchecked Sendable {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// From `open` to `closing` on a stop or a framing error, to `closed` from either when the channel ends.
    enum State {
        /// Takes messages.
        case open
        /// Goes away as soon as the peer, which has been told, sends no more and what it sent is answered.
        case leaving
        /// Takes no further messages; closes when those in flight are done.
        case closing
        /// The channel is gone; tasks may still be ending.
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
    /// The largest frame the peer takes, in bytes; the server's own limit for a peer that does not say.
    var peerFrameLimit: Int
    private var isUnsettled = false
    private var isEnding = false
    private var abortTimer: Scheduled<Void>?

    // Messages and their handlers: +Handlers.
    /// Messages that came and are not done with.
    var inFlight = 0
    /// Those among them that are answered by streams.
    var streams = 0
    /// Messages whose handlers have not begun, from `firstQueued` on.
    var queue: [ServerRequest] = []
    var firstQueued = 0
    /// Messages whose turn has not come, because others of their command are being handled: +Turns.
    var awaiting: [ObjectIdentifier: ServerRequest] = [:]
    var tasks: [ObjectIdentifier: HandlerTask] = [:]
    var parked: [HandlerTask] = []
    /// Calls that were answered with values of a stream, by their ids.
    var creditTakers: [UInt64: ServerRequest] = [:]
    var holding: [ServerRequest] = []

    // What is kept for the peer, and room for its answers: +Memory.
    var memory = ConnectionMemory()
    /// What waits until the peer has taken some of its answers.
    var waitingForRoom: [Int: CheckedContinuation<Void, Never>] = [:]
    var nextWaiting = 0
    var postponed: [PostponedReply] = []
    var isReading = true
    var isWatchingUnsent = false
    var isContinuing = false
    /// Frames have come that have not been looked at, because others on the loop have their turn first.
    var hasBacklog = false

    // What passes by itself: +Time.
    var partialFrameTimer: Scheduled<Void>?
    var deadlineTimer: Scheduled<Void>?
    /// The earliest deadline of a message being handled that the timer is set to.
    var nextDeadline = NIODeadline.distantFuture
    var ageTimer: Scheduled<Void>?
    var idleTimer: Scheduled<Void>?
    var lastMessageAt = NIODeadline.now()
    var framesRead: UInt64 = 0

    init(shared: ServerShared, executor: LoopExecutor, entry: ConnectionTable.Entry, peer: String) {
        self.shared = shared
        self.executor = executor
        self.entry = entry
        self.peer = peer
        peerFrameLimit = shared.configuration.limits.frame
        decoder = FrameDecoder(frameLimit: shared.configuration.limits.frame)
    }

    // MARK: Channel events

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        watchAge()
        watchIdleness()
    }

    /// The context holds its handler: without this neither would ever be freed.
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
        executor.beginBurst()
        decoder.append(unwrapInboundIn(data))
        readFrames()
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        handleQueued()
        executor.endBurst()
        accountForPartialFrame()
        watchPartialFrame()
    }

    /// Frames that are looked at before the loop's other connections get their turn.
    private static let framesPerTurn = 256

    /// Takes the frames that are there, a turn's worth of them.
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

    /// Half-closed by the peer: it sends no more but may still wait for its answers. A stream's consumer has left: on the
    /// plain wire there is no other way to say so.
    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case ChannelEvent.inputClosed = event {
            // What has come and waits for its turn came before the end.
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
        // Left over when a handler waits: another task goes on.
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

    /// The channel is gone. A channel that is closed before it was active is removed without having been inactive.
    private func ended() {
        if case .closed = state { return }
        state = .closed
        for timer in [partialFrameTimer, abortTimer, deadlineTimer, ageTimer, idleTimer] { timer?.cancel() }
        dropUnanswerable()
        wakeWaiting()
        // An event's sender may close at once: what it sent has come, and is handled to its end.
        handleQueued()
        executor.drain()
        decoder = FrameDecoder(frameLimit: 1)
        accountForPartialFrame()
        endIfDone()
    }

    /// Forgets the connection once the channel is gone and no handler of an event runs any more.
    func endIfDone() {
        guard case .closed = state, inFlight == 0 else { return }
        memory.release(shared.memory, entry.peer)
        shared.registry.remove(self)
    }

    /// Finishes what is in flight and closes. A peer that understands it is told to send no more, and until it closes what
    /// it sent in the meantime is still answered: no call is lost. When the server stops, streams end; on a connection that
    /// only has become old they go on, and end it with theirs. On the loop.
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

    /// What becomes of streams, which may never end by themselves, when a connection closes.
    enum Closing {
        /// They end with an error that says why.
        case endStreams
        /// They end, and nothing more is said: their peer has left, or cannot be understood.
        case abandonStreams
    }

    /// Takes no further messages, finishes those in flight, closes. On the loop.
    func close(_ closing: Closing) {
        guard takesMessages else { return }
        state = .closing
        hasBacklog = false
        partialFrameTimer?.cancel()
        abortLater()
        endStreams(abandoning: closing == .abandonStreams)
        settleSoon()
    }

    /// A handler that never ends must not keep the connection for ever.
    func abortLater() {
        guard abortTimer == nil else { return }
        abortTimer = context?.eventLoop.assumeIsolated().scheduleTask(
            in: TimeAmount(shared.configuration.drainTimeout)
        ) { self.abort() }
    }

    /// Does not wait any longer, not for events either. On the loop.
    func abort() {
        for task in Array(tasks.values) { task.cancel() }
        context?.close(promise: nil)
    }
}

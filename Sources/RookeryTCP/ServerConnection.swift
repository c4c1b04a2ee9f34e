import Logging
import NIOCore
import RookeryCore
import RookeryResilience
import RookeryWire

/// One peer of a server: cuts frames, has a task handle each message, and writes what the tasks answer, once per burst.
///
/// Confined to its event loop, tasks included: they run on the loop's executor. It owns them: a lost connection cancels
/// them, and a stop waits for them.
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
    let peer: String
    var context: ChannelHandlerContext?
    var state = State.open
    var decoder: FrameDecoder
    var writer = ValueWriter(capacity: 4096)
    var negotiated: Negotiated?
    private var isUnsettled = false
    /// Messages that came and whose handlers have not returned.
    var inFlight = 0
    /// Messages whose handlers have not begun, from `firstQueued` on.
    var queue: [ServerRequest] = []
    var firstQueued = 0
    var tasks: [ObjectIdentifier: HandlerTask] = [:]
    private var parked: [HandlerTask] = []
    /// Calls that were answered with values of a stream, by their ids.
    var creditTakers: [UInt64: ServerRequest] = [:]
    private var holding: [ServerRequest] = []
    var partialFrameTimer: Scheduled<Void>?
    var deadlineTimer: Scheduled<Void>?
    /// The earliest deadline of a message being handled that the timer is set to.
    var nextDeadline = NIODeadline.distantFuture
    var ageTimer: Scheduled<Void>?
    var idleTimer: Scheduled<Void>?
    var lastMessageAt = NIODeadline.now()
    var framesRead: UInt64 = 0
    /// Bytes of the payloads whose handlers have not returned.
    var bytesInFlight = 0
    private var isEnding = false
    private var abortTimer: Scheduled<Void>?
    private var waitingForRoom: [CheckedContinuation<Void, Never>] = []

    init(shared: ServerShared, executor: LoopExecutor, peer: String) {
        self.shared = shared
        self.executor = executor
        self.peer = peer
        self.decoder = FrameDecoder(frameLimit: shared.configuration.limits.frame)
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
        do throws(FramingError) {
            while takesMessages, let frame = try decoder.nextFrame() {
                framesRead &+= 1
                switch frame {
                case .text(let body): try received(body)
                case .binary(let header, let body): try received(header, body)
                }
            }
        } catch {
            framingFailed(error)
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        handleQueued()
        executor.drain()
        watchPartialFrame()
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        let isWritable = context.channel.isWritable
        // Whoever does not read its replies is not read either. The option exists on every socket; without it there would
        // be no back pressure, and `unsentClose` remains.
        try? context.channel.syncOptions?.setOption(.autoRead, value: isWritable)
        if isWritable { resumeWaiting() }
    }

    func channelInactive(context: ChannelHandlerContext) { ended() }

    /// The channel is gone. A channel that is closed before it was active is removed without having been inactive.
    private func ended() {
        if case .closed = state { return }
        // What came before the end has come: an event's sender may close at once.
        handleQueued()
        state = .closed
        for timer in [partialFrameTimer, abortTimer, deadlineTimer, ageTimer, idleTimer] { timer?.cancel() }
        shared.registry.remove(self)
        cancelAll()
        resumeWaiting()
        executor.drain()
        // What nobody will handle takes up no place any more.
        while let request = nextRequest() { finished(request) }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        shared.logger.debug("connection failed", metadata: ["peer": "\(peer)", "error": "\(error)"])
        context.close(promise: nil)
    }

    /// Half-closed by the peer: it sends no more but may still wait for its answers. A stream's consumer has left: on the
    /// plain wire there is no other way to say so.
    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case ChannelEvent.inputClosed = event { close(endingStreams: true) }
    }

    // MARK: Handlers

    /// Messages that wait for the end of the read burst.
    private static let queueLimit = 128

    func enqueue(_ request: ServerRequest) {
        inFlight += 1
        bytesInFlight += request.payload.range.count
        lastMessageAt = request.cameAt
        // A stream is there for as long as somebody listens, and an event cannot be refused: neither is shed, nor counted.
        if request.isShed { shared.loads[request.entry.position].began() }
        queue.append(request)
        if let deadline = request.deadline, deadline < nextDeadline { watchDeadlines(from: deadline) }
        settleSoon()
        if queue.count - firstQueued >= Self.queueLimit {
            handleQueued()
            executor.drain()
            // What was just sent may have closed the channel; then no end of the burst will be told.
            if takesMessages { executor.beginBurst() }
        }
    }

    /// The message that is next to be handled.
    func nextRequest() -> ServerRequest? {
        if firstQueued == queue.count {
            if firstQueued > 0 {
                queue.removeAll(keepingCapacity: true)
                firstQueued = 0
            }
            return nil
        }
        firstQueued += 1
        return queue[firstQueued - 1]
    }

    /// Has the queued messages handled: by a parked task, which begins when the executor comes to it, or by new ones.
    private func handleQueued() {
        while firstQueued < queue.count {
            if let task = parked.popLast() {
                task.wake()
                // Should it wait at its first message, somebody has to see to the others.
                return settleSoon()
            }
            HandlerTask.start(self)
        }
    }

    /// Parked tasks that are kept.
    private static let parkedLimit = 16

    /// Whether a task that has nothing to do should wait for more.
    func park(_ task: HandlerTask) -> Bool {
        guard takesMessages, parked.count < Self.parkedLimit else { return false }
        parked.append(task)
        return true
    }

    func began(_ task: HandlerTask) { tasks[ObjectIdentifier(task)] = task }
    func ended(_ task: HandlerTask) { tasks[ObjectIdentifier(task)] = nil }

    /// A message's handler has returned.
    func finished(_ request: ServerRequest) {
        if !creditTakers.isEmpty, case .binary(let id, _) = request.sender { creditTakers[id] = nil }
        inFlight -= 1
        bytesInFlight -= request.payload.range.count
        guard request.isShed else {
            if inFlight == 0, case .closing = state { settleSoon() }
            return
        }
        let load = shared.loads[request.entry.position]
        if request.burst == executor.burst {
            // Done at once: its time says nothing, and is not worth a look at the clock.
            load.ended(nil, at: .now())
        } else {
            let now = NIODeadline.now()
            load.ended(now.since(request.cameAt), at: now)
        }
        if inFlight == 0, case .closing = state { settleSoon() }
    }

    private func cancelAll() {
        parked = []
        for task in Array(tasks.values) { task.cancel() }
    }

    private func framingFailed(_ error: FramingError) {
        shared.logger.warning(
            "closing a connection after a framing error",
            metadata: [
                "peer": "\(peer)", "reason": "\(error)",
            ])
        close(endingStreams: true)
    }

    // MARK: Answers

    /// A stream's value is held back until the burst ends, in case its end comes first.
    func hold(_ request: ServerRequest) {
        holding.append(request)
        settleSoon()
    }

    /// Bytes written in one burst before they are sent.
    private static let burstLimit = 64 * 1024

    /// Suspends while the peer does not take what was sent; throws when it is gone.
    ///
    /// A stream whose values are all there would never end its burst: when it has written enough, that is sent, and
    /// others get their turn.
    func waitForRoom() async throws {
        if writer.count >= Self.burstLimit, let context {
            flush(context)
            await Task.yield()
        }
        guard case .closed = state else {
            guard let context, !context.channel.isWritable else { return }
            await withCheckedContinuation { waitingForRoom.append($0) }
            if case .closed = state { throw CancellationError() }
            return
        }
        throw CancellationError()
    }

    private func resumeWaiting() {
        let waiting = waitingForRoom
        waitingForRoom = []
        for continuation in waiting { continuation.resume() }
    }

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
        guard let context else { return }
        flush(context)
        if inFlight == 0, case .closing = state, !isEnding {
            isEnding = true
            context.channel.closeWhenWritten(within: TimeAmount(shared.configuration.drainTimeout))
        }
    }

    private func flush(_ context: ChannelHandlerContext) {
        guard writer.count > 0 else { return }
        let bytes = writer.withUnsafeBytes { context.channel.allocator.buffer(bytes: $0) }
        writer.reset()
        context.writeAndFlush(wrapOutboundOut(bytes), promise: nil)
        closeIfUnreasonable(context)
    }

    private func closeIfUnreasonable(_ context: ChannelHandlerContext) {
        if context.channel.isWritable { return }
        let unsent = context.channel.unsentBytes
        guard unsent > shared.configuration.limits.unsentClose else { return }
        shared.logger.warning(
            "closing a connection that does not take its replies",
            metadata: ["peer": "\(peer)", "unsentBytes": "\(unsent)"])
        context.close(promise: nil)
    }

    // MARK: Ending

    /// Finishes what is in flight and closes. A peer that understands it is told to send no more, and until it closes what
    /// it sent in the meantime is still answered: no call is lost. When the server stops, streams end; on a connection that
    /// only has become old they go on, and end it with theirs. On the loop.
    func leave(isStopping: Bool = false) {
        guard case .open = state, canSayGoAway else { return close(endingStreams: true) }
        state = .leaving
        if isStopping {
            abortLater()
            endStreams()
        }
        write(BinaryHeader(.goAway, id: 0))
    }

    var canSayGoAway: Bool { negotiated?.reply.features.contains("go-away") ?? false }

    /// Takes no further messages, finishes those in flight, closes. On the loop.
    func close(endingStreams: Bool = false) {
        guard takesMessages else { return }
        state = .closing
        partialFrameTimer?.cancel()
        abortLater()
        if endingStreams { endStreams() }
        settleSoon()
    }

    /// A handler that never ends must not keep the connection for ever.
    func abortLater() {
        guard abortTimer == nil else { return }
        abortTimer = context?.eventLoop.assumeIsolated().scheduleTask(
            in: TimeAmount(shared.configuration.drainTimeout)
        ) { self.abort() }
    }

    private func endStreams() {
        for task in Array(tasks.values) where task.current?.isStream ?? false { task.cancel() }
    }

    /// Does not wait any longer. On the loop.
    func abort() {
        cancelAll()
        context?.close(promise: nil)
    }
}

import Logging
import NIOCore
import RookeryCore
import RookeryWire

/// What all connections of a server share.
struct ServerShared: Sendable {
    let router: Router
    let pipeline: ServerPipeline
    let configuration: ServerConfiguration
    let eventLoops: EventLoops
    let logger: Logger
    let registry: ConnectionRegistry
}

/// One peer of a server: cuts frames, starts a task for each message, and writes what the tasks answer, once per burst.
///
/// Confined to its event loop, tasks included: they run on the loop's executor. It owns them: a lost connection cancels
/// them, and a stop waits for them.
final class ServerConnection: ChannelInboundHandler, LoopSettling, @unchecked Sendable {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// From `open` to `closing` on a stop or a framing error, to `closed` from either when the channel ends.
    private enum State {
        /// Takes messages.
        case open
        /// Takes no further messages; closes when those in flight are done.
        case closing
        /// The channel is gone; tasks may still be ending.
        case closed
    }

    let shared: ServerShared
    let executor: LoopExecutor
    private let peer: String
    private var context: ChannelHandlerContext?
    private var state = State.open
    private var decoder: FrameDecoder
    private var writer = JSONWriter(capacity: 4096)
    private var isUnsettled = false
    /// Messages whose handlers have not returned.
    private(set) var inFlight = 0
    private var suspended: [UInt64: (request: ServerRequest, task: Task<Void, Never>)] = [:]
    private var nextSerial: UInt64 = 0
    private var holding: [ServerRequest] = []
    private var partialFrameTimer: Scheduled<Void>?
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
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard case .open = state else { return }
        executor.beginBurst()
        decoder.append(unwrapInboundIn(data))
        do {
            while case .open = state, let body = try decoder.next() { try received(body) }
        } catch {
            framingFailed(error)
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        executor.drain()
        watchPartialFrame()
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        let isWritable = context.channel.isWritable
        // Whoever does not read its replies is not read either.
        try? context.channel.syncOptions?.setOption(.autoRead, value: isWritable)
        if isWritable { resumeWaiting() }
    }

    func channelInactive(context: ChannelHandlerContext) {
        state = .closed
        partialFrameTimer?.cancel()
        abortTimer?.cancel()
        shared.registry.remove(self)
        for (_, entry) in suspended { entry.task.cancel() }
        resumeWaiting()
        executor.drain()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        shared.logger.debug("connection failed", metadata: ["peer": "\(peer)", "error": "\(error)"])
        context.close(promise: nil)
    }

    /// Half-closed by the peer: it sends no more but may still wait for its answers. A stream's consumer has left: on
    /// this wire there is no other way to say so.
    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case ChannelEvent.inputClosed = event { close(endingStreams: true) }
    }

    // MARK: Messages

    private func received(_ body: ByteBuffer) throws(FramingError) {
        let scan = try PacketScan(body)
        guard scan.isObject, scan.pattern.isPresent || scan.data.isPresent else {
            return shared.logger.info("ignored a packet without pattern and data", metadata: ["peer": "\(peer)"])
        }
        let entry =
            scan.pattern.isPresent ? body.withBytes(of: scan.pattern) { shared.router.lookUp(received: $0) } : nil
        guard let entry else {
            if scan.id.isPresent { return write { $0.noHandlerReply(id: body, scan.id) } }
            return shared.logger.warning("no handler for an event", metadata: ["peer": "\(peer)"])
        }
        guard inFlight < shared.configuration.limits.inFlight else {
            shared.logger.warning(
                "over the limit of messages in flight",
                metadata: ["peer": "\(peer)", "pattern": "\(entry.command.pattern)"])
            if scan.id.isPresent { write { $0.errorReply(.tooManyInFlight, id: body, scan.id) } }
            return
        }
        start(entry, body, scan)
    }

    private func start(_ entry: Router.Entry, _ body: ByteBuffer, _ scan: PacketScan) {
        let metadata = Self.metadata(scan.metadata, in: body)
        let deadline = metadata[MessageContext.timeoutKey].flatMap(Int64.init).map {
            NIODeadline.now() + .milliseconds(max(0, min($0, 86_400_000)))
        }
        let context = MessageContext(
            pattern: entry.command.pattern, metadata: metadata, peer: peer, deadline: deadline)
        let call = IncomingCall(
            command: entry.command, context: context, payload: Payload(body: body, range: scan.data))
        nextSerial += 1
        let request = ServerRequest(connection: self, serial: nextSerial, body: body, id: scan.id)
        inFlight += 1
        // Starts here and now, on this loop; returns when the handler waits for something, or is done.
        let task = Task.immediate(executorPreference: executor) {
            await request.run(entry, call)
        }
        if !request.isFinished { suspended[request.serial] = (request, task) }
    }

    /// Members that are not strings are left out; Nest's metadata has none.
    private static func metadata(_ range: ByteRange, in body: ByteBuffer) -> [String: String] {
        guard range.isPresent, case .object(let object)? = try? body.value(of: range) else { return [:] }
        var metadata: [String: String] = [:]
        for (key, value) in object { metadata[key] = value.stringValue }
        return metadata
    }

    /// A message's handler has returned.
    func finished(_ request: ServerRequest) {
        suspended[request.serial] = nil
        inFlight -= 1
        if inFlight == 0, case .closing = state { settleSoon() }
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

    /// Writes a frame into the burst's buffer. On the loop.
    func write(_ body: (inout JSONWriter) -> Void) {
        if case .closed = state { return }
        let mark = writer.beginFrame()
        body(&writer)
        writer.endFrame(mark)
        settleSoon()
    }

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

    private func settleSoon() {
        if isUnsettled { return }
        isUnsettled = true
        executor.settleLater(self)
    }

    func settle() {
        isUnsettled = false
        let holding = self.holding
        self.holding.removeAll(keepingCapacity: true)
        for request in holding { request.release() }
        guard let context else { return }
        flush(context)
        if inFlight == 0, case .closing = state {
            // What was written goes out first: a close comes after the writes before it.
            context.close(mode: .output, promise: nil)
            context.close(promise: nil)
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
        let unsent = (try? context.channel.syncOptions?.getOption(.bufferedWritableBytes)) ?? 0
        guard unsent > shared.configuration.limits.unsentClose else { return }
        shared.logger.warning(
            "closing a connection that does not take its replies",
            metadata: ["peer": "\(peer)", "unsentBytes": "\(unsent)"])
        context.close(promise: nil)
    }

    // MARK: Ending

    private func watchPartialFrame() {
        guard case .open = state, decoder.hasPartialFrame else {
            partialFrameTimer?.cancel()
            partialFrameTimer = nil
            return
        }
        guard partialFrameTimer == nil, let context else { return }
        let limit = shared.configuration.limits.incompleteFrame
        partialFrameTimer = context.eventLoop.assumeIsolated().scheduleTask(in: TimeAmount(limit)) {
            self.shared.logger.warning(
                "closing a connection whose frame did not end in time", metadata: ["peer": "\(self.peer)"])
            self.context?.close(promise: nil)
        }
    }

    /// Takes no further messages, finishes those in flight, closes. Streams are ended. On the loop.
    func close(endingStreams: Bool = false) {
        guard case .open = state else { return }
        state = .closing
        partialFrameTimer?.cancel()
        // A handler that never ends must not keep the connection for ever.
        abortTimer = context?.eventLoop.assumeIsolated().scheduleTask(
            in: TimeAmount(shared.configuration.drainTimeout)
        ) { self.abort() }
        if endingStreams {
            for (_, entry) in suspended where entry.request.isStream { entry.task.cancel() }
        }
        settleSoon()
    }

    /// Does not wait any longer. On the loop.
    func abort() {
        for (_, entry) in suspended { entry.task.cancel() }
        context?.close(promise: nil)
    }
}

extension JSONWriter {
    fileprivate mutating func noHandlerReply(id body: ByteBuffer, _ range: ByteRange) {
        body.withBytes(of: range) { noHandlerReply(id: $0) }
    }

    mutating func errorReply(_ error: RemoteError, id body: ByteBuffer, _ range: ByteRange) {
        beginObject()
        quotedKey("\"err\":")
        error.payload.write(to: &self)
        body.withBytes(of: range) { endReply(id: $0, isLast: true) }
    }
}

extension RemoteError {
    fileprivate static let tooManyInFlight = RemoteError(
        .overloaded, "Too many messages are in flight on this connection.", details: ["retryAfterMs": 1000])

    static let shuttingDown = RemoteError("SHUTTING_DOWN", "The server is shutting down.")
}

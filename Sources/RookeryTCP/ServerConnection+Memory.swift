import NIOCore
import RookeryCore
import RookeryWire
import Logging

// What is kept for the peer, and room for its answers.
extension ServerConnection {
    /// Whether the peer has to take answers before it gets more: what is encoded and what the network has not taken are
    /// over the limit. Handlers wait then.
    var isFull: Bool {
        // The peer takes nothing any more; what still runs need not wait.
        if case .closed = state { return false }
        return writer.count + memory.unsent + memory.elsewhere >= shared.configuration.limits.unsentPause
    }

    var hasWaiting: Bool { !waitingForRoom.isEmpty || !postponed.isEmpty || firstQueued < queue.count }

    /// Whether so many more bytes of requests may be kept for this connection and its peer.
    func mayKeep(_ bytes: Int) -> Bool {
        memory.total + bytes <= shared.configuration.limits.connectionMemory
            && shared.memory.allows(bytes, held: memory.total, peerHeld: entry.peer.held)
    }

    /// A partial frame is kept as long as there is memory for it; then it is passed over, and refused when it ends.
    func accountForPartialFrame() {
        decoder.releaseMemory()
        let kept = decoder.keptBytes
        if kept > memory.partialFrame, !mayKeep(kept - memory.partialFrame) { decoder.skipPartialFrame() }
        memory.set(partialFrame: decoder.keptBytes, shared.memory, entry.peer)
    }

    /// Looks at what the network has not taken. What it has taken in the meantime is noticed when all is gone, at the
    /// latest.
    func updateUnsent() {
        guard let context else { return }
        let unsent = context.channel.unsentBytes
        memory.set(unsent: unsent, shared.memory, entry.peer)
        closeIfUnreasonable(context)
        guard unsent > 0, !isWatchingUnsent else { return }
        isWatchingUnsent = true
        let written = context.eventLoop.makePromise(of: Void.self)
        // Writes end in their order, so this one ends last.
        context.writeAndFlush(wrapOutboundOut(ByteBuffer()), promise: written)
        written.futureResult.assumeIsolated().whenComplete { _ in
            self.isWatchingUnsent = false
            self.updateUnsent()
            self.roomChanged()
        }
    }

    /// Refusals that a full connection gets before it is closed: 8 MiB, some fifty thousand.
    private static let refusalBytes = 8 * 1024 * 1024

    private func closeIfUnreasonable(_ context: ChannelHandlerContext) {
        let limits = shared.configuration.limits
        // Handlers wait while it is full, so that beyond one reply these can only be refusals.
        guard memory.unsent > limits.unsentPause + limits.frame + Self.refusalBytes else { return }
        shared.log(
            entry.peer, .warning, "closing a connection that does not take its replies",
            ["unsentBytes": "\(memory.unsent)"])
        context.close(promise: nil)
    }

    /// A negotiated peer that does not read its replies is not read either: its own client reads whatever happens. A plain
    /// one may read nothing while its own writes wait, as Nest 11.2.5 and later do: it is read on, its requests are kept
    /// while there is memory and refused when there is none, so that both never wait for each other.
    func updateReading() {
        guard let context else { return }
        let isWanted = !hasBacklog && (negotiated == nil || context.channel.isWritable)
        if isWanted == isReading { return }
        isReading = isWanted
        // The option exists on every socket; without it there would be no back pressure, and the memory limits remain.
        try? context.channel.syncOptions?.setOption(.autoRead, value: isWanted)
    }

    /// Goes on after the loop's other connections have had their turn.
    func continueSoon() {
        if isContinuing { return }
        isContinuing = true
        executor.eventLoop.execute {
            self.isContinuing = false
            self.executor.beginBurst()
            if self.hasBacklog, self.takesMessages {
                self.readFrames()
                self.updateReading()
            }
            self.writePostponed()
            self.handleQueued()
            self.executor.drain()
            self.accountForPartialFrame()
            self.watchPartialFrame()
        }
    }

    /// The peer has taken answers, perhaps.
    func roomChanged() {
        if isFull { return }
        wakeWaiting()
        if firstQueued < queue.count || !postponed.isEmpty { continueSoon() }
    }

    func wakeWaiting() {
        let waiting = waitingForRoom
        waitingForRoom = [:]
        for continuation in waiting.values { continuation.resume() }
    }

    // MARK: Answers that wait

    /// Writes an answer now, or when there is room. On the loop.
    func writeWhenRoom(_ request: ServerRequest, _ write: @escaping () -> Void) {
        guard isFull else { return write() }
        request.isPostponed = true
        postponed.append(PostponedReply(request: request, write: write))
    }

    private func writePostponed() {
        var written = 0
        while written < postponed.count, !isFull {
            let reply = postponed[written]
            written += 1
            reply.write()
            reply.request.isPostponed = false
            if reply.request.hasReturned { finished(reply.request) }
        }
        postponed.removeFirst(written)
    }

    /// Bytes written in one burst before they are sent.
    private static let burstLimit = 64 * 1024

    /// Suspends while the peer does not take what was sent; throws when it is gone, or the task is cancelled.
    ///
    /// A stream whose values are all there would never end its burst: when it has written enough, that is sent, and
    /// others get their turn.
    func waitForRoom() async throws {
        if writer.count >= Self.burstLimit, let context {
            flush(context)
            await Task.yield()
        }
        while isFull {
            if case .closed = state { throw CancellationError() }
            let id = nextWaiting
            nextWaiting += 1
            await withTaskCancellationHandler {
                await withCheckedContinuation { waitingForRoom[id] = $0 }
            } onCancel: {
                executor.eventLoop.execute {
                    self.waitingForRoom.removeValue(forKey: id)?.resume()
                    self.executor.drain()
                }
            }
            try Task.checkCancellation()
        }
        if case .closed = state { throw CancellationError() }
    }
}

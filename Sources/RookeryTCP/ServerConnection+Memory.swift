import NIOCore
import RookeryCore
import RookeryWire
import Logging

// Memory held for the peer, and room for its answers.
extension ServerConnection {
    /// Whether handlers wait until the peer takes answers: encoded and unsent bytes have reached `limits.unsentPause`.
    var isFull: Bool {
        // A closed connection sends nothing, so handlers that still run need not wait.
        if case .closed = state { return false }
        return writer.count + memory.unsent + memory.elsewhere >= shared.configuration.limits.unsentPause
    }

    var hasWaiting: Bool { !waitingForRoom.isEmpty || !postponed.isEmpty || firstQueued < queue.count }

    /// Whether the budgets allow `bytes` more for this connection and its peer.
    func mayKeep(_ bytes: Int) -> Bool {
        memory.total + bytes <= shared.configuration.limits.connectionMemory
            && shared.memory.allows(bytes, held: memory.total, peerHeld: entry.peer.held)
    }

    /// Charges the partial frame to the budgets. If they do not allow it, the decoder skips the frame, and the server
    /// refuses it when it ends.
    func accountForPartialFrame() {
        decoder.releaseMemory()
        let kept = decoder.keptBytes
        if kept > memory.partialFrame, !mayKeep(kept - memory.partialFrame) { decoder.skipPartialFrame() }
        memory.set(partialFrame: decoder.keptBytes, shared.memory, entry.peer)
    }

    /// Updates the number of unsent bytes. It is updated again when the network has taken all of them, at the latest.
    func updateUnsent() {
        guard let context else { return }
        let unsent = context.channel.unsentBytes
        memory.set(unsent: unsent, shared.memory, entry.peer)
        closeIfUnreasonable(context)
        guard unsent > 0, !isWatchingUnsent else { return }
        isWatchingUnsent = true
        let written = context.eventLoop.makePromise(of: Void.self)
        // Writes complete in their order, so this one completes last.
        context.writeAndFlush(wrapOutboundOut(ByteBuffer()), promise: written)
        written.futureResult.assumeIsolated().whenComplete { _ in
            self.isWatchingUnsent = false
            self.updateUnsent()
            self.roomChanged()
        }
    }

    /// Bytes of refusals that a full connection may have unsent before it is closed: 8 MiB, about fifty thousand
    /// refusals.
    private static let refusalBytes = 8 * 1024 * 1024

    private func closeIfUnreasonable(_ context: ChannelHandlerContext) {
        let limits = shared.configuration.limits
        // Handlers wait while the connection is full, so bytes beyond one reply can only be refusals.
        guard memory.unsent > limits.unsentPause + limits.frame + Self.refusalBytes else { return }
        shared.log(
            entry.peer, .warning, "closing a connection that does not take its replies",
            ["unsentBytes": "\(memory.unsent)"])
        context.close(promise: nil)
    }

    /// Stops or resumes reading.
    ///
    /// The server stops reading a negotiated peer that does not read its replies. This is safe, because a Rookery
    /// client always reads. A plain peer may read nothing while its own writes wait, as Nest 11.2.5 and later do, so
    /// the server always reads it. The server keeps that peer's requests while there is memory, and refuses them
    /// otherwise. So the two never wait for each other.
    func updateReading() {
        guard let context else { return }
        let isWanted = !hasBacklog && (negotiated == nil || context.channel.isWritable)
        if isWanted == isReading { return }
        isReading = isWanted
        // Every socket has the option. Without it there would be no back pressure, but the memory limits still apply.
        try? context.channel.syncOptions?.setOption(.autoRead, value: isWanted)
    }

    /// Continues after the loop's other connections have had their turn.
    func continueSoon() {
        if isContinuing { return }
        isContinuing = true
        executor.eventLoop.execute {
            self.isContinuing = false
            self.executor.beginBurst()
            if self.hasBacklog, self.takesMessages { self.readFrames() }
            // Always: NIO may have delivered more bytes after reading stopped, and `readFrames` then emptied the backlog.
            self.updateReading()
            self.writePostponed()
            self.handleQueued()
            self.executor.drain()
            self.accountForPartialFrame()
            self.watchPartialFrame()
        }
    }

    /// Resumes what waits for room, unless the connection is still full.
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

    /// Writes an answer now, or postpones it until there is room. On the loop.
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

    /// Bytes that a stream writes in one burst before they are sent: 64 KiB.
    private static let burstLimit = 64 * 1024

    /// Suspends while the connection is full. Throws `CancellationError` if the connection closes or the task is
    /// cancelled.
    ///
    /// A stream whose values are all available would never end its burst. After `burstLimit` bytes, this method sends
    /// them and lets other tasks run.
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

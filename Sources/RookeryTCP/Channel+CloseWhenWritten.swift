import NIOCore

extension Channel {
    /// Written bytes that the network has not taken yet. On the loop.
    var unsentBytes: Int {
        // Every socket has the option. A channel without it counts as one that sends at once.
        ((try? syncOptions?.getOption(.bufferedWritableBytes)) ?? 0) ?? 0
    }

    /// Closes the channel. With TLS, both sides say that they close, so what the peer says then has to be read: otherwise
    /// the channel waits for it. On the loop.
    func closeAndRead() {
        close(promise: nil)
        // A channel that has closed at once has no options any more.
        try? syncOptions?.setOption(.autoRead, value: true)
    }

    /// Closes the channel once all written bytes are sent; a plain close would discard the unsent ones. On the loop.
    ///
    /// Closes earlier after `limit`, or when the peer has taken nothing for `stall`, by default 1 s. Both are checked
    /// every `stall`.
    func closeWhenWritten(within limit: TimeAmount, stall: TimeAmount = .seconds(1)) {
        if unsentBytes == 0 { return closeAndRead() }
        let written = eventLoop.makePromise(of: Void.self)
        // Writes complete in their order, so this one completes last.
        writeAndFlush(ByteBuffer(), promise: written)
        let end = NIODeadline.now() + limit
        let unsent = NIOLoopBoundBox(unsentBytes, eventLoop: eventLoop)
        let timer = eventLoop.scheduleRepeatedTask(initialDelay: stall, delay: stall) { timer in
            let left = self.unsentBytes
            guard left == unsent.value || NIODeadline.now() >= end else {
                unsent.value = left
                return
            }
            timer.cancel()
            self.closeAndRead()
        }
        written.futureResult.whenComplete { _ in
            timer.cancel()
            self.closeAndRead()
        }
    }
}

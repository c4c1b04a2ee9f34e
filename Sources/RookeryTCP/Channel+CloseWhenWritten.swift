import NIOCore

extension Channel {
    /// Bytes that were written and that the peer's side of the network has not taken yet. On the loop.
    var unsentBytes: Int {
        // Every socket has the option; a channel that has not is taken to send at once.
        ((try? syncOptions?.getOption(.bufferedWritableBytes)) ?? 0) ?? 0
    }

    /// Closes when what was written has gone out, or after `limit`: a close by itself discards the rest. On the loop.
    func closeWhenWritten(within limit: TimeAmount) {
        if unsentBytes == 0 { return close(promise: nil) }
        let written = eventLoop.makePromise(of: Void.self)
        // Writes end in their order, so this one ends last.
        writeAndFlush(ByteBuffer(), promise: written)
        let timer = eventLoop.scheduleTask(in: limit) { self.close(promise: nil) }
        written.futureResult.whenComplete { _ in
            timer.cancel()
            self.close(promise: nil)
        }
    }
}

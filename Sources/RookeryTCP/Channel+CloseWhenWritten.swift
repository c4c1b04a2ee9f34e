import NIOCore

extension Channel {
    /// Bytes that were written and that the peer's side of the network has not taken yet. On the loop.
    var unsentBytes: Int {
        // Every socket has the option; a channel that has not is taken to send at once.
        ((try? syncOptions?.getOption(.bufferedWritableBytes)) ?? 0) ?? 0
    }

    /// Closes when what was written has gone out, or after `limit`, or when the peer has taken nothing for `stall`: a close
    /// by itself discards the rest. On the loop.
    func closeWhenWritten(within limit: TimeAmount, stall: TimeAmount = .seconds(1)) {
        if unsentBytes == 0 { return close(promise: nil) }
        let written = eventLoop.makePromise(of: Void.self)
        // Writes end in their order, so this one ends last.
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
            self.close(promise: nil)
        }
        written.futureResult.whenComplete { _ in
            timer.cancel()
            self.close(promise: nil)
        }
    }
}

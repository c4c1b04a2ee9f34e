import Logging
import NIOCore
import RookeryWire

// Timers: deadlines, connection age, idleness, and partial frames.
extension ServerConnection {
    /// Sets the one timer for all deadlines. Deadlines mostly come in the order of the messages, so it is seldom set.
    func watchDeadlines(from deadline: NIODeadline) {
        deadlineTimer?.cancel()
        nextDeadline = deadline
        deadlineTimer = context?.eventLoop.assumeIsolated().scheduleTask(deadline: deadline) {
            self.deadlinePassed()
        }
    }

    func deadlinePassed() {
        nextDeadline = .distantFuture
        let now = NIODeadline.now()
        var next = NIODeadline.distantFuture
        for request in queue[firstQueued...] where !request.isAbandoned {
            guard let deadline = request.deadline else { continue }
            if deadline <= now { request.expire() } else { next = min(next, deadline) }
        }
        next = min(next, turnsPassed(now))
        for task in Array(tasks.values) {
            guard let request = task.current, !request.isAbandoned, let deadline = request.deadline else { continue }
            if deadline > now {
                next = min(next, deadline)
                continue
            }
            request.expire()
            task.cancel()
        }
        // Fires at most every 5 ms, however many deadlines there are.
        if next != .distantFuture { watchDeadlines(from: max(next, now + TimeAmount.milliseconds(5))) }
        executor.drain()
    }

    /// Ends a negotiated connection at `connectionAge`, ± 10 %, so that long-lived peers find new instances.
    func watchAge() {
        guard let age = shared.configuration.connectionAge, let context else { return }
        let limit = TimeAmount.nanoseconds(Int64(Double(TimeAmount(age).nanoseconds) * Double.random(in: 0.9...1.1)))
        ageTimer = context.eventLoop.assumeIsolated().scheduleTask(in: limit) {
            guard case .open = self.state, self.canSayGoAway else { return }
            self.leave()
            self.executor.drain()
        }
    }

    func watchIdleness() {
        let limit = TimeAmount(shared.configuration.limits.idle)
        idleTimer = context?.eventLoop.assumeIsolated().scheduleTask(deadline: lastMessageAt + limit) {
            self.endSilentClientStreams()
            if self.inFlight > 0 { self.lastMessageAt = .now() }
            if NIODeadline.now() < self.lastMessageAt + limit { return self.watchIdleness() }
            self.shared.logger.debug("closing an idle connection", metadata: ["peer": "\(self.peer)"])
            self.leave()
            // A peer that does not act on go-away is closed after `drainTimeout`.
            self.abortLater()
            self.executor.drain()
        }
    }

    func watchPartialFrame() {
        guard takesMessages, decoder.hasPartialFrame else {
            if partialFrameTimer == nil { return }
            partialFrameTimer?.cancel()
            partialFrameTimer = nil
            return
        }
        guard partialFrameTimer == nil, let context else { return }
        let limit = shared.configuration.limits.incompleteFrame
        let framesBefore = framesRead
        partialFrameTimer = context.eventLoop.assumeIsolated().scheduleTask(in: TimeAmount(limit)) {
            self.partialFrameTimer = nil
            guard let context = self.context else { return }
            // A busy connection may always have a partial frame, and a connection that is not read cannot complete its
            // frame.
            if self.framesRead != framesBefore || !context.channel.isWritable { return self.watchPartialFrame() }
            self.shared.logger.warning(
                "closing a connection whose frame did not end in time", metadata: ["peer": "\(self.peer)"])
            context.close(promise: nil)
        }
    }
}

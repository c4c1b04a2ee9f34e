import NIOCore
import RookeryCore
import RookeryCalls
import RookeryPolicies
import RookeryWire

// Timers: deadlines of calls, and keepalive pings.
extension ClientLink {
    func arm(_ deadline: NIODeadline) {
        timer?.cancel()
        timerDeadline = deadline
        timer = executor.eventLoop.scheduleTask(deadline: deadline) { self.timePassed() }
    }

    /// Sets the timer to the call's deadline if that is now the earliest one.
    func watch(_ call: PendingCall) {
        if call.deadline < timerDeadline { arm(call.deadline) }
    }

    /// Fails the calls whose deadline has passed, and sets the timer again.
    ///
    /// The link has one timer for all calls. Deadlines mostly come in the order of the calls, so the timer seldom
    /// fires.
    func timePassed() {
        timerDeadline = .distantFuture
        let now = NIODeadline.now()
        var next = NIODeadline.distantFuture
        var late: [PendingCall] = []
        pending.forEach { _, call in
            if call.deadline <= now { late.append(call) } else { next = min(next, call.deadline) }
        }
        for call in late { forget(call, timeout(call)) }
        // Fires at most every 5 ms, however many deadlines there are.
        if next != .distantFuture { arm(max(next, now + .milliseconds(5))) }
        executor.drain()
    }

    func timeout(_ call: PendingCall) -> CallError {
        if case .stream = call.kind, let timeout = call.call?.silenceLimit {
            return CallError(
                .streamTimeout, "No value of \(call.name) from \(address) in \(timeout.milliseconds) ms.", of: call)
        }
        return CallError(.timeout, "No reply from \(address) to \(call.name) in time.", of: call)
    }

    /// Schedules a ping for when the server has been silent for `pool.pingAfter`. The connection ends if no byte comes
    /// within `pool.pingTimeout` of the ping.
    func watchSilence() {
        let after = TimeAmount(configuration.pool.pingAfter)
        silenceTimer = executor.eventLoop.scheduleTask(deadline: heardAt + after) {
            guard self.state == .open || self.state == .leaving else { return }
            if NIODeadline.now() < self.heardAt + after { return self.watchSilence() }
            let limit = NIODeadline.now() + TimeAmount(self.configuration.pool.pingTimeout)
            self.send(PendingCall(.keepalive, before: limit))
            self.executor.drain()
        }
    }

    /// Leaves the connection when the file has another key, so that later calls show the new one. Calls in flight finish
    /// here.
    func watchKey() {
        guard let key, let file = owner.key else { return }
        let interval = ServiceKeyFile.interval
        keyTimer = executor.eventLoop.scheduleRepeatedTask(initialDelay: interval, delay: interval) { _ in
            if file.key.id == key.id { return }
            self.leave()
            self.executor.drain()
        }
    }

    /// Watches for silence again after the server has answered a ping.
    func answeredKeepalive() { watchSilence() }
}

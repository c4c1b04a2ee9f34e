import NIOCore
import RookeryCore
import RookeryCalls
import RookeryPolicies
import RookeryWire

// What passes by itself: deadlines, and the peer's silence.
extension ClientLink {
    func arm(_ deadline: NIODeadline) {
        timer?.cancel()
        timerDeadline = deadline
        timer = executor.eventLoop.scheduleTask(deadline: deadline) { self.timePassed() }
    }

    /// A deadline has been moved to an earlier time.
    func watch(_ call: PendingCall) {
        if call.deadline < timerDeadline { arm(call.deadline) }
    }

    /// One timer for all calls: deadlines mostly come in the order of the calls, so it seldom looks in vain.
    func timePassed() {
        timerDeadline = .distantFuture
        let now = NIODeadline.now()
        var next = NIODeadline.distantFuture
        var late: [PendingCall] = []
        pending.forEach { _, call in
            if call.deadline <= now { late.append(call) } else { next = min(next, call.deadline) }
        }
        for call in late { forget(call, timeout(call)) }
        // Not more often than every 5 ms, however many deadlines there are.
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

    /// A peer that has been silent for long is asked whether it lives.
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

    /// The peer lives.
    func answeredKeepalive() { watchSilence() }
}

import NIOCore
import Rookery

/// Admits or refuses the requests of one event loop. Confined to that loop.
final class HTTPAdmission: @unchecked Sendable {
    private let executor: LoopExecutor
    private var control = OverloadControl()
    private var isCounting = false

    init(_ executor: LoopExecutor) { self.executor = executor }

    /// Returns whether a request of the client address `peer` would be refused now.
    func isFull(for peer: String) -> Bool { control.isFull(for: peer) }

    /// Counts a request. Returns false when it must be refused. Call ``answered(_:)`` when an admitted request ends.
    func came(from peer: String) -> Bool {
        let isAdmitted = control.came(from: peer)
        if !isCounting { count() }
        return isAdmitted
    }

    /// Notes that an admitted request was answered, or that its client disconnected.
    func answered(_ peer: String) { control.answered(peer) }

    /// Ends each window, as long as requests are in flight or a limit is set.
    private func count() {
        isCounting = true
        let due = NIODeadline.now() + TimeAmount(OverloadControl.window)
        executor.eventLoop.scheduleTask(deadline: due) {
            let late = NIODeadline.now() - due
            self.control.windowEnded(
                late: .nanoseconds(max(0, late.nanoseconds)), hasJobsLeft: self.executor.isBehind)
            if self.control.inFlight > 0 || self.control.limit != nil { self.count() } else { self.isCounting = false }
        }
    }
}

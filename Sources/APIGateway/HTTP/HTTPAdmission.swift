import NIOCore
import Rookery

/// Lets requests in, or refuses them, on one event loop. Confined to it.
final class HTTPAdmission: @unchecked Sendable {
    private let eventLoop: any EventLoop
    private var control = OverloadControl()
    private var isCounting = false

    init(_ eventLoop: any EventLoop) { self.eventLoop = eventLoop }

    /// Whether a request of that client address would be refused now.
    func isFull(for peer: String) -> Bool { control.isFull(for: peer) }

    /// A request came; false when it is to be refused. One that is not ends with ``answered(_:)``.
    func came(from peer: String) -> Bool {
        let isAdmitted = control.came(from: peer)
        if !isCounting { count() }
        return isAdmitted
    }

    /// A request that was let in is answered, or its client has left.
    func answered(_ peer: String) { control.answered(peer) }

    /// Ends each window while there is something to do.
    private func count() {
        isCounting = true
        let due = NIODeadline.now() + TimeAmount(OverloadControl.window)
        eventLoop.scheduleTask(deadline: due) {
            let late = NIODeadline.now() - due
            self.control.windowEnded(late: .nanoseconds(max(0, late.nanoseconds)))
            if self.control.inFlight > 0 || self.control.limit != nil { self.count() } else { self.isCounting = false }
        }
    }
}

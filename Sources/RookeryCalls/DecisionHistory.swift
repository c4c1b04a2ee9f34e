import DequeModule
package import NIOCore
package import RookeryPolicies
import Synchronization

/// The last decisions of a destination about its breakers and instances, for people who look at it. It keeps 64.
package final class DecisionHistory: Sendable {
    /// A decision, and when it was made.
    package struct Item: Sendable {
        /// The time on the clock of NIO's timers.
        package let at: NIODeadline
        /// What was decided.
        package let decision: CallDecision
    }

    private static let limit = 64
    private let items = Mutex<Deque<Item>>([])

    init() {}

    func note(_ decision: CallDecision, at now: NIODeadline) {
        items.withLock { items in
            items.append(Item(at: now, decision: decision))
            if items.count > Self.limit { items.removeFirst() }
        }
    }

    /// The decisions, the oldest first.
    package var all: [Item] { items.withLock { Array($0) } }
}

package import NIOCore
import Synchronization

/// How much of one command is handled at once: what comes beyond that waits, and each peer's turn comes in the order of the
/// peers, not of their messages.
///
/// Each command has a gate of its own: one that takes long by its nature must not make a fast one look slow.
package final class LoadGate: Sendable {
    private let configuration: AdaptiveLimit.Configuration
    private let inFlight = Atomic<Int>(0)
    private let waited = Atomic<Bool>(false)
    /// The room for a message of each criticality, so that a message that is let in needs no lock.
    private let criticalRoom: Atomic<Int>
    private let ordinaryRoom: Atomic<Int>
    private let sheddableRoom: Atomic<Int>
    private let limit: Mutex<AdaptiveLimit>
    private let queue: Mutex<FairQueue<Turn>>
    private let queued = Atomic<Int>(0)

    /// A gate with nothing behind it.
    package init(_ configuration: AdaptiveLimit.Configuration) {
        self.configuration = configuration
        let limit = AdaptiveLimit(configuration)
        criticalRoom = Atomic(limit.room(for: .critical))
        ordinaryRoom = Atomic(limit.room(for: .default))
        sheddableRoom = Atomic(limit.room(for: .sheddable))
        self.limit = Mutex(limit)
        queue = Mutex(FairQueue(limit: configuration.waiting))
    }

    /// How long a message waits for its turn.
    package var patience: Duration { configuration.patience }
    /// How often one that waits should ``press(at:)``.
    package var window: Duration { configuration.window }

    /// Messages being handled.
    package var count: Int { inFlight.load(ordering: .relaxed) }

    /// Messages that wait for their turn.
    package var waitingCount: Int { queued.load(ordering: .relaxed) }

    /// Whether a handler has not been done at once: the next one may keep its message for a while, too.
    package var hasWaited: Bool { waited.load(ordering: .relaxed) }

    /// A handler waits for something.
    package func noteWaited() { if !hasWaited { waited.store(true, ordering: .relaxed) } }

    /// What becomes of a message.
    package enum Admission: Sendable {
        /// It has a place, and must ``leave(after:at:)``.
        case admitted
        /// It waits for its turn.
        case waits
        /// There is no place, not even to wait.
        case refused
        /// It has a place, which a gate that enforces would not have given it.
        case wouldRefuse
    }

    private var isOpen: Bool {
        configuration.mode == .off || (count < sheddableRoom.load(ordering: .relaxed) && waitingCount == 0)
    }

    /// Whether a message will be refused: looked at first, where much is done before one enters.
    package func refuses(_ criticality: () -> Criticality) -> Bool {
        if isOpen || configuration.mode != .enforce { return false }
        let criticality = criticality()
        return !hasRoom(for: criticality) && (criticality == .sheddable || configuration.waiting == 0)
    }

    private func hasRoom(for criticality: Criticality) -> Bool {
        switch criticality {
        case .critical: count < criticalRoom.load(ordering: .relaxed)
        case .default: waitingCount == 0 && count < ordinaryRoom.load(ordering: .relaxed)
        case .sheddable: waitingCount == 0 && count < sheddableRoom.load(ordering: .relaxed)
        }
    }

    /// A message of a peer comes. `criticality` and `turn` are only asked for when they matter. A sheddable message never
    /// waits.
    package func enter(_ peer: String, _ criticality: () -> Criticality, _ turn: () -> Turn) -> Admission {
        if isOpen {
            inFlight.add(1, ordering: .relaxed)
            return .admitted
        }
        let criticality = criticality()
        if hasRoom(for: criticality) {
            inFlight.add(1, ordering: .relaxed)
            return .admitted
        }
        guard configuration.mode == .enforce else {
            inFlight.add(1, ordering: .relaxed)
            return .wouldRefuse
        }
        if criticality == .sheddable || configuration.waiting == 0 { return .refused }
        let turn = turn()
        let evicted = queue.withLock { queue in
            let evicted = queue.append(turn, of: peer)
            queued.store(queue.count, ordering: .relaxed)
            return evicted
        }
        if evicted === turn {
            turn.giveUp()
            return .refused
        }
        evicted?.takeAway()
        // The last one may have left between the look at the room and the queue.
        next()
        return .waits
    }

    /// A message is done with. `latency`, since it was let in, is nil when it says nothing: a stream's, or that of a handler
    /// that did not wait.
    package func leave(after latency: Duration?, at now: @autoclosure () -> NIODeadline) {
        let before = inFlight.subtract(1, ordering: .relaxed).oldValue
        if let latency, configuration.mode != .off {
            adapt { $0.handled(in: latency, inFlight: before, at: now()) }
        }
        next()
    }

    /// Messages have been waiting for another ``AdaptiveLimit/Configuration/window``: there may be room for more.
    package func press(at now: NIODeadline) {
        adapt { $0.pressed(inFlight: count, at: now) }
        next()
    }

    private func adapt(_ change: (inout AdaptiveLimit) -> Void) {
        limit.withLock { limit in
            change(&limit)
            criticalRoom.store(limit.room(for: .critical), ordering: .relaxed)
            ordinaryRoom.store(limit.room(for: .default), ordering: .relaxed)
            sheddableRoom.store(limit.room(for: .sheddable), ordering: .relaxed)
        }
    }

    /// Lets in those for whom there is room.
    private func next() {
        while waitingCount > 0, count < ordinaryRoom.load(ordering: .relaxed) {
            let turn = queue.withLock { queue in
                defer { queued.store(queue.count, ordering: .relaxed) }
                return queue.popFirst()
            }
            guard let turn else { return }
            inFlight.add(1, ordering: .relaxed)
            if !turn.come() { inFlight.subtract(1, ordering: .relaxed) }
        }
    }
}

package import NIOCore
package import RookeryCore
import Synchronization

/// Limits how many messages of one command are handled at once. Messages over the limit wait in a ``FairQueue``, which
/// serves the peers round robin.
///
/// Each command has its own gate, so that a slow command does not make a fast one look slow. A few permits are
/// kept for critical messages, which do not wait behind others for these.
package final class LoadGate: Sendable {
    private let configuration: Shedding
    private let inFlight = Atomic<Int>(0)
    /// Critical messages among them that did not wait behind others.
    private let critical = Atomic<Int>(0)
    private let waited = Atomic<Bool>(false)
    /// The room for a message of each criticality, so that a message that is let in needs no lock.
    private let criticalRoom: Atomic<Int>
    private let ordinaryRoom: Atomic<Int>
    private let sheddableRoom: Atomic<Int>
    private let limit: Mutex<AdaptiveLimit>
    private let isFinding = Atomic<Bool>(true)
    private let queue: Mutex<FairQueue<Turn>>
    private let queued = Atomic<Int>(0)

    /// A gate with nothing behind it.
    package init(_ configuration: Shedding) {
        self.configuration = configuration
        let limit = AdaptiveLimit(configuration)
        criticalRoom = Atomic(limit.room(for: .critical))
        ordinaryRoom = Atomic(limit.room(for: .default))
        sheddableRoom = Atomic(limit.room(for: .sheddable))
        self.limit = Mutex(limit)
        queue = Mutex(FairQueue(limit: configuration.waiting) { $0.isWaiting })
    }

    /// How long a message waits for its turn.
    package var patience: Duration {
        isFinding.load(ordering: .relaxed)
            ? max(configuration.patience, configuration.window * 5) : configuration.patience
    }
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
    package enum Admission: Sendable, Equatable {
        /// The message has a permit; call ``leave(_:after:at:)`` when its handler has returned.
        case admitted(Permit)
        /// It waits for its turn.
        case waits
        /// The limit is reached, and the message may not wait or the queue is full.
        case refused
        /// The message has a permit although the limit is reached: the mode is `observe`. Call ``leave(_:after:at:)``.
        case wouldRefuse(Permit)
    }

    /// The right to run a handler.
    package enum Permit: Sendable, Equatable {
        /// Of a message that waits for its turn when there are too many.
        case ordinary
        /// Of one that does not, as long as there are few like it.
        case critical
    }

    private var isOpen: Bool {
        configuration.mode == .off || (count < sheddableRoom.load(ordering: .relaxed) && waitingCount == 0)
    }

    /// Whether a message will be refused: looked at first, where much is done before one enters.
    package func refuses(_ criticality: () -> Criticality) -> Bool {
        if isOpen || configuration.mode != .enforce { return false }
        let criticality = criticality()
        return permit(for: criticality) == nil && (criticality == .sheddable || configuration.waiting == 0)
    }

    /// Permits kept for critical messages: any peer may call its messages critical, and gets no more than these before others.
    private var reserve: Int {
        max(1, criticalRoom.load(ordering: .relaxed) - ordinaryRoom.load(ordering: .relaxed))
    }

    /// How much of the room for ordinary messages is taken.
    private var ordinaryCount: Int { count - min(critical.load(ordering: .relaxed), reserve) }

    /// The permit that a message may have at once; nil when there is none.
    private func permit(for criticality: Criticality) -> Permit? {
        switch criticality {
        case .critical:
            if count < criticalRoom.load(ordering: .relaxed), critical.load(ordering: .relaxed) < reserve {
                return .critical
            }
            return permit(for: .default)
        case .default:
            return waitingCount == 0 && ordinaryCount < ordinaryRoom.load(ordering: .relaxed) ? .ordinary : nil
        case .sheddable:
            // It may only come in while the gate is open.
            return nil
        }
    }

    /// A message of a peer comes. `criticality` and `turn` are only asked for when they matter. A sheddable message never
    /// waits.
    package func enter(_ peer: String, _ criticality: () -> Criticality, _ turn: () -> Turn) -> Admission {
        if isOpen {
            inFlight.add(1, ordering: .relaxed)
            return .admitted(.ordinary)
        }
        let criticality = criticality()
        if let permit = permit(for: criticality) {
            inFlight.add(1, ordering: .relaxed)
            if permit == .critical { critical.add(1, ordering: .relaxed) }
            return .admitted(permit)
        }
        guard configuration.mode == .enforce else {
            inFlight.add(1, ordering: .relaxed)
            return .wouldRefuse(.ordinary)
        }
        if criticality == .sheddable || configuration.waiting == 0 { return .refused }
        // From now on the window counts in which nothing may be done.
        adapt { $0.pressed(inFlight: count, at: .now()) }
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

    /// A message is done with. `latency`, since it was let in, is nil when it says nothing: of a handler that did not wait, or
    /// was never begun. One that failed, or was cancelled, may have taken long, but says nothing of how short it can be.
    package func leave(
        _ permit: Permit, after latency: Duration?, hasFailed: Bool = false, at now: @autoclosure () -> NIODeadline
    ) {
        let before = inFlight.subtract(1, ordering: .relaxed).oldValue
        if permit == .critical { critical.subtract(1, ordering: .relaxed) }
        if let latency, configuration.mode != .off {
            adapt { $0.handled(in: latency, hasFailed: hasFailed, inFlight: before, at: now()) }
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
            isFinding.store(limit.isStarting, ordering: .relaxed)
            criticalRoom.store(limit.room(for: .critical), ordering: .relaxed)
            ordinaryRoom.store(limit.room(for: .default), ordering: .relaxed)
            sheddableRoom.store(limit.room(for: .sheddable), ordering: .relaxed)
        }
    }

    /// Lets in those for whom there is room.
    private func next() {
        while waitingCount > 0, ordinaryCount < ordinaryRoom.load(ordering: .relaxed) {
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

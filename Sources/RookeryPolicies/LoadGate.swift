package import NIOCore
package import RookeryCore
import Synchronization

/// Limits how many messages of one command are handled at once. Messages over the limit wait in a ``FairQueue``, which
/// serves the peers round robin.
///
/// Each command has its own gate, so that a slow command does not make a fast one look slow. The gate reserves a few
/// permits for critical messages. For these permits a critical message does not wait behind other messages.
package final class LoadGate: Sendable {
    private let configuration: Shedding
    private let inFlight = Atomic<Int>(0)
    /// Messages in flight that hold one of the reserved permits.
    private let critical = Atomic<Int>(0)
    private let waited = Atomic<Bool>(false)
    /// Copies of the limit's room for each criticality, so that the gate admits a message without a lock.
    private let criticalRoom: Atomic<Int>
    private let ordinaryRoom: Atomic<Int>
    private let sheddableRoom: Atomic<Int>
    private let limit: Mutex<AdaptiveLimit>
    private let isFinding = Atomic<Bool>(true)
    private let queue: Mutex<FairQueue<Turn>>
    private let queued = Atomic<Int>(0)

    /// Makes a gate. No message holds a permit yet.
    package init(_ configuration: Shedding) {
        self.configuration = configuration
        let limit = AdaptiveLimit(configuration)
        criticalRoom = Atomic(limit.room(for: .critical))
        ordinaryRoom = Atomic(limit.room(for: .default))
        sheddableRoom = Atomic(limit.room(for: .sheddable))
        self.limit = Mutex(limit)
        queue = Mutex(FairQueue(limit: configuration.waiting) { $0.isWaiting })
    }

    /// How long a message waits for its turn: ``Shedding/patience``, and at least five windows during slow start.
    package var patience: Duration {
        isFinding.load(ordering: .relaxed)
            ? max(configuration.patience, configuration.window * 5) : configuration.patience
    }
    /// How often to call ``press(at:)`` while a message waits.
    package var window: Duration { configuration.window }

    /// Messages that are being handled.
    package var count: Int { inFlight.load(ordering: .relaxed) }

    /// Messages that wait for their turn.
    package var waitingCount: Int { queued.load(ordering: .relaxed) }

    /// Whether any handler of the command did not return at once. If so, the next one may keep its message, too.
    package var hasWaited: Bool { waited.load(ordering: .relaxed) }

    /// Records that a handler did not return at once.
    package func noteWaited() { if !hasWaited { waited.store(true, ordering: .relaxed) } }

    /// What the gate does with a message.
    package enum Admission: Sendable, Equatable {
        /// The message has a permit. Call ``leave(_:after:hasFailed:at:)`` when its handler has returned.
        case admitted(Permit)
        /// The message waits in the queue. Its ``Turn`` reports how the wait ends.
        case waits
        /// The limit is reached, and the message may not wait or the queue is full.
        case refused
        /// The message has a permit although the limit is reached, because the mode is `observe`. Call
        /// ``leave(_:after:hasFailed:at:)`` when its handler has returned.
        case wouldRefuse(Permit)
    }

    /// The right to run a handler.
    package enum Permit: Sendable, Equatable {
        /// A permit for any message. When none is free, messages wait for their turn.
        case ordinary
        /// One of the permits reserved for critical messages.
        case critical
    }

    private var isOpen: Bool {
        configuration.mode == .off || (count < sheddableRoom.load(ordering: .relaxed) && waitingCount == 0)
    }

    /// Whether the gate would refuse a message without queueing it. Callers check this before they do costly work for
    /// the message. False does not guarantee a permit.
    package func refuses(_ criticality: () -> Criticality) -> Bool {
        if isOpen || configuration.mode != .enforce { return false }
        let criticality = criticality()
        return permit(for: criticality) == nil && (criticality == .sheddable || configuration.waiting == 0)
    }

    /// How many permits are reserved for critical messages. Any peer can mark its messages as critical, so the reserve
    /// also bounds what a peer gains by it.
    private var reserve: Int {
        max(1, criticalRoom.load(ordering: .relaxed) - ordinaryRoom.load(ordering: .relaxed))
    }

    /// The number of permits in use outside the reserve.
    private var ordinaryCount: Int { count - min(critical.load(ordering: .relaxed), reserve) }

    /// The permit that a message gets without waiting; nil if none is free for it.
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
            // The gate admits sheddable messages only while `isOpen`.
            return nil
        }
    }

    /// Admits a message of a peer, queues it, or refuses it. A sheddable message never waits.
    ///
    /// Calls `criticality` only while the gate is not open, and `turn` only if the message has to wait.
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
        // Starts the first window, at the end of which the limit doubles if no handler has returned.
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
        // The last permit may have been given back between the check for a permit and the append to the queue.
        next()
        return .waits
    }

    /// Gives back a message's permit after its handler has returned, or if the handler will not run. Then admits the
    /// next waiting message.
    ///
    /// `latency` is the time since admission. Pass nil if it says nothing about the load: the handler returned at once,
    /// or never started. The latency of a failed or cancelled message never counts as the shortest one.
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

    /// Lets the limit grow during slow start, and admits the waiting messages for which it has room. Call it once per
    /// ``window`` while messages wait.
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

    /// Admits waiting messages while there is room.
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

import NIOCore
import RookeryResilience
import Synchronization

/// How much of one command a server handles at once, and how much it takes.
///
/// Each command has a limit of its own: one that takes long by its nature must not make a fast one look slow.
final class RouteLoad: Sendable {
    private let mode: GuardMode
    private let inFlight = Atomic<Int>(0)
    private let waited = Atomic<Bool>(false)
    /// The room for a message of each criticality, so that a message that is let in needs no lock.
    private let criticalRoom: Atomic<Int>
    private let ordinaryRoom: Atomic<Int>
    private let sheddableRoom: Atomic<Int>
    private let limit: Mutex<AdaptiveLimit>

    init(_ configuration: AdaptiveLimit.Configuration) {
        mode = configuration.mode
        let limit = AdaptiveLimit(configuration)
        criticalRoom = Atomic(limit.room(for: .critical))
        ordinaryRoom = Atomic(limit.room(for: .default))
        sheddableRoom = Atomic(limit.room(for: .sheddable))
        self.limit = Mutex(limit)
    }

    /// Messages being handled.
    var count: Int { inFlight.load(ordering: .relaxed) }

    /// Whether a handler has not been done at once: the next one may keep its message for a while, too.
    var hasWaited: Bool { waited.load(ordering: .relaxed) }

    func noteWaited() { if !hasWaited { waited.store(true, ordering: .relaxed) } }

    enum Admission {
        case admitted
        case refused
        /// Admitted; a limit that enforces would have refused.
        case wouldRefuse
    }

    /// Whether one more may be handled; `criticality` is only asked for when that matters.
    func admits(_ criticality: () -> Criticality) -> Admission {
        if mode == .off || count < sheddableRoom.load(ordering: .relaxed) { return .admitted }
        let room =
            switch criticality() {
            case .critical: criticalRoom.load(ordering: .relaxed)
            case .default: ordinaryRoom.load(ordering: .relaxed)
            case .sheddable: sheddableRoom.load(ordering: .relaxed)
            }
        if count < room { return .admitted }
        return mode == .enforce ? .refused : .wouldRefuse
    }

    func began() { inFlight.add(1, ordering: .relaxed) }

    /// One is done. `latency` is nil when it says nothing: a stream's, or that of a handler that did not wait.
    func ended(_ latency: Duration?, at now: @autoclosure () -> NIODeadline) {
        let before = inFlight.subtract(1, ordering: .relaxed).oldValue
        guard let latency, mode != .off else { return }
        limit.withLock { limit in
            limit.handled(in: latency, inFlight: before, at: now())
            criticalRoom.store(limit.room(for: .critical), ordering: .relaxed)
            ordinaryRoom.store(limit.room(for: .default), ordering: .relaxed)
            sheddableRoom.store(limit.room(for: .sheddable), ordering: .relaxed)
        }
    }
}

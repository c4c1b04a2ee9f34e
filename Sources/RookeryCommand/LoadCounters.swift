import Rookery
import Synchronization

/// Counts the calls that may still be sent and those that were answered, over all connections.
final class LoadCounters: Sendable {
    private let remaining: Atomic<Int>
    private let answered = Atomic<Int>(0)

    /// Creates counters that allow `limit` calls; nil allows any number.
    init(limit: Int?) { remaining = Atomic(limit ?? .max) }

    /// Takes one of the remaining calls. Returns false when none remains.
    func take() -> Bool { remaining.subtract(1, ordering: .relaxed).newValue >= 0 }

    func add(answered count: Int) { answered.add(count, ordering: .relaxed) }
    var total: Int { answered.load(ordering: .relaxed) }
}

import Rookery
import Synchronization

/// How many calls may still be sent, and how many were answered, by all connections together.
final class LoadCounters: Sendable {
    private let remaining: Atomic<Int>
    private let answered = Atomic<Int>(0)

    /// `limit` nil is no limit.
    init(limit: Int?) { remaining = Atomic(limit ?? .max) }

    /// Takes one, if there is one.
    func take() -> Bool { remaining.subtract(1, ordering: .relaxed).newValue >= 0 }

    func add(answered count: Int) { answered.add(count, ordering: .relaxed) }
    var total: Int { answered.load(ordering: .relaxed) }
}

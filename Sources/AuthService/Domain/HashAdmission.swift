import NIOCore
import Rookery
import Synchronization

/// Decides whether another hash can finish in time, from the number of hashes ahead of it and the average time of a
/// hash.
final class HashAdmission: Sendable {
    private struct State {
        /// Hashes that run or wait for a thread.
        var waiting = 0
        /// The time of a hash in nanoseconds: an exponentially weighted average.
        var expected: Double
    }

    private let threads: Int
    private let state: Mutex<State>
    /// The most hashes that run or wait, whatever their deadlines: 64.
    private static let limit = 64

    init(threads: Int, expected: TimeAmount) {
        self.threads = threads
        state = Mutex(State(expected: Double(expected.nanoseconds)))
    }

    /// Takes a place; give it back with ``leave()``.
    ///
    /// Throws `OVERLOADED` with `retryAfterMs` when the hash would need more than half of the time left until
    /// `deadline`, or when all places are taken.
    func enter(deadline: NIODeadline?, at now: NIODeadline) throws(RemoteError) {
        let wait = state.withLock { state -> Double? in
            let needed = state.expected * Double(state.waiting / threads + 1)
            if state.waiting >= Self.limit { return needed }
            if let deadline, needed > Double((deadline - now).nanoseconds) / 2 { return needed }
            state.waiting += 1
            return nil
        }
        guard let wait else { return }
        throw RemoteError(
            .overloaded, "Too many sign-ins are under way.",
            details: ["retryAfterMs": .int(Int64(max(1000, wait / 1e6)))])
    }

    func leave() { state.withLock { $0.waiting -= 1 } }

    func hashed(in time: TimeAmount) {
        state.withLock { $0.expected += (Double(time.nanoseconds) - $0.expected) * 0.2 }
    }
}

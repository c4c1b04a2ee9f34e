import NIOCore
import Rookery
import Synchronization

/// Decides whether one more hash can be made in time, from how many are ahead of it and how long they take.
final class HashAdmission: Sendable {
    private struct State {
        /// Hashes that are being made, or wait for a thread.
        var waiting = 0
        /// What a hash takes, in nanoseconds: an average in which the latest count most.
        var expected: Double
    }

    private let threads: Int
    private let state: Mutex<State>
    /// More never wait, whatever their callers say: 64.
    private static let limit = 64

    init(threads: Int, expected: TimeAmount) {
        self.threads = threads
        state = Mutex(State(expected: Double(expected.nanoseconds)))
    }

    /// Takes a place, to be given back with ``leave()``. Throws `OVERLOADED`, with how long to stay away, when the hash
    /// would not be made within half of the time that is left until `deadline`.
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

import Synchronization

/// A clock that moves only when a test advances it.
package final class ManualClock: Clock, Sendable {
    /// A time of the clock, as the time since the clock was made.
    package struct Instant: InstantProtocol {
        let offset: Duration
        /// The instant that is `duration` later.
        package func advanced(by duration: Duration) -> Instant { Instant(offset: offset + duration) }
        /// The time from this instant to the other one.
        package func duration(to other: Instant) -> Duration { other.offset - offset }
        /// Orders instants by time.
        package static func < (left: Instant, right: Instant) -> Bool { left.offset < right.offset }
    }

    private struct State {
        var now = Instant(offset: .zero)
        var sleepers: [Int: (until: Instant, continuation: CheckedContinuation<Void, any Error>)] = [:]
        var watchers: [CheckedContinuation<Void, Never>] = []
        var nextID = 0
    }
    private let state = Mutex(State())

    /// Makes a clock at time zero.
    package init() {}

    /// The current time of the clock.
    package var now: Instant { state.withLock { $0.now } }
    /// The shortest duration that the clock measures: 1 ns.
    package var minimumResolution: Duration { .nanoseconds(1) }

    /// Returns when the clock reaches `deadline`. Throws `CancellationError` if the task is cancelled.
    package func sleep(until deadline: Instant, tolerance: Duration?) async throws {
        let id = state.withLock { state in
            state.nextID += 1
            return state.nextID
        }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
                let watchers = state.withLock { state -> [CheckedContinuation<Void, Never>] in
                    if Task.isCancelled {
                        continuation.resume(throwing: CancellationError())
                        return []
                    }
                    if deadline <= state.now {
                        continuation.resume()
                        return []
                    }
                    state.sleepers[id] = (deadline, continuation)
                    defer { state.watchers = [] }
                    return state.watchers
                }
                for watcher in watchers { watcher.resume() }
            }
        } onCancel: {
            state.withLock { $0.sleepers.removeValue(forKey: id) }?.continuation.resume(throwing: CancellationError())
        }
    }

    /// Returns when at least one task sleeps on this clock.
    package func sleeping() async {
        await withCheckedContinuation { continuation in
            let isSleeping = state.withLock { state in
                if !state.sleepers.isEmpty { return true }
                state.watchers.append(continuation)
                return false
            }
            if isSleeping { continuation.resume() }
        }
    }

    /// Moves the clock forward, and wakes the tasks whose deadlines it reaches.
    package func advance(by duration: Duration) {
        let woken = state.withLock { state in
            state.now = state.now.advanced(by: duration)
            let woken = state.sleepers.filter { $0.value.until <= state.now }
            for id in woken.keys { state.sleepers[id] = nil }
            return woken.values.map(\.continuation)
        }
        for continuation in woken { continuation.resume() }
    }
}

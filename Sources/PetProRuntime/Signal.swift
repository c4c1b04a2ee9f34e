import Synchronization

/// Wakes tasks that wait. Several signals before a task waits count as one.
public final class Signal: Sendable {
    private struct State {
        var isSet = false
        var waiting: [Int: CheckedContinuation<Void, Never>] = [:]
        var nextID = 0
    }
    private let state = Mutex(State())

    /// Wakes all tasks that wait. If none waits, the next ``wait()`` returns at once.
    public func send() {
        let waiting = state.withLock { state in
            let waiting = Array(state.waiting.values)
            state.waiting = [:]
            state.isSet = waiting.isEmpty
            return waiting
        }
        for continuation in waiting { continuation.resume() }
    }

    /// Returns after a signal, or when the task is cancelled.
    public func wait() async {
        let id = state.withLock { state in
            state.nextID += 1
            return state.nextID
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isDone = state.withLock { state in
                    if state.isSet || Task.isCancelled {
                        state.isSet = false
                        return true
                    }
                    state.waiting[id] = continuation
                    return false
                }
                if isDone { continuation.resume() }
            }
        } onCancel: {
            state.withLock { $0.waiting.removeValue(forKey: id) }?.resume()
        }
    }

    /// Returns after a signal, after `timeout` on `clock`, or when the task is cancelled.
    public func wait(atMost timeout: Duration, clock: any Clock<Duration>) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.wait() }
            // Only cancellation ends the sleep early, and it ends the wait as well.
            group.addTask { try? await clock.sleep(for: timeout) }
            await group.next()
            group.cancelAll()
        }
    }

    /// Makes a signal that has not been sent.
    public init() {}
}

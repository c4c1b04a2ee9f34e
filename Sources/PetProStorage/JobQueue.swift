import Dispatch
import Foundation
import NIOCore
import Rookery
import Synchronization

/// A bounded queue of jobs for the threads of a database. It serves the peers whose messages need the jobs round robin, so
/// that a peer with many jobs does not delay the job of another.
final class JobQueue: Sendable {
    private struct State {
        var jobs: FairQueue<DatabaseJob>
        var threads = 0
        /// What the sleeping threads wait for. The last one is woken first: its connection was used last, so what it needs is still
        /// in the caches of the processor, here and in the server.
        var sleeping: [DispatchSemaphore] = []
        var isClosed = false
        /// When a thread last took jobs.
        var takenAt = NIODeadline.now()

        /// Returns another thread if it should wake up, and counts it as awake.
        mutating func threadToWake() -> DispatchSemaphore? {
            let awake = threads - sleeping.count
            guard jobs.count > 0,
                awake == 0 || jobs.count > awake * JobQueue.jobsPerThread || .now() - takenAt > JobQueue.longRun
            else { return nil }
            return sleeping.popLast()
        }

        mutating func take(atMost count: Int) -> [DatabaseJob] {
            takenAt = .now()
            var taken: [DatabaseJob] = []
            while taken.count < count, let job = jobs.popFirst() { taken.append(job) }
            return taken
        }
    }

    private let state: Mutex<State>

    /// Makes a queue of at most `limit` waiting jobs.
    init(limit: Int) { state = Mutex(State(jobs: FairQueue(limit: limit))) }

    /// How many jobs wait per awake thread before another thread is woken. A few jobs finish sooner than a thread wakes
    /// up.
    private static let jobsPerThread = 8
    /// When no thread has taken jobs for this long, the awake threads are busy, and another one is woken. 2 ms.
    private static let longRun = TimeAmount.milliseconds(2)

    /// Adds jobs. Without room, jobs of the peer with most jobs fail with `OVERLOADED`. When the queue is closed, all new ones
    /// do.
    func add(_ new: [DatabaseJob]) {
        let (refused, woken) = state.withLock { state in
            let refused = state.isClosed ? new : new.compactMap { state.jobs.append($0, of: $0.peer) }
            return (refused, state.threadToWake())
        }
        // Outside the lock, because the woken thread takes the lock first.
        woken?.signal()
        for job in refused {
            job.failed(RemoteError.databaseBusy)
            job.finish()
        }
    }

    /// Takes the next jobs, at most `count`. Blocks until there is one. Returns nil when the queue is closed and empty.
    func next(atMost count: Int) -> [DatabaseJob]? {
        let signal = DispatchSemaphore(value: 0)
        while true {
            let (taken, isClosed) = state.withLock { state in
                if state.jobs.count == 0, !state.isClosed { state.sleeping.append(signal) }
                return (state.take(atMost: count), state.isClosed)
            }
            if !taken.isEmpty { return taken }
            if isClosed { return nil }
            signal.wait()
        }
    }

    /// How many jobs wait.
    var count: Int { state.withLock { $0.jobs.count } }

    /// Whether no job waits.
    var isEmpty: Bool { count == 0 }

    /// Takes jobs that wait, at most `count`.
    func more(atMost count: Int) -> [DatabaseJob] { state.withLock { $0.take(atMost: count) } }

    /// Puts jobs that were taken but not begun back at the front.
    func putBack(_ jobs: ArraySlice<DatabaseJob>) {
        if jobs.isEmpty { return }
        state.withLock { $0.jobs.putBack(jobs.map { ($0, $0.peer) }) }
    }

    /// Starts a thread. `body` takes jobs until the queue is closed.
    func start(_ name: String, _ body: @Sendable @escaping () -> Void) {
        state.withLock { $0.threads += 1 }
        let thread = Thread(block: body)
        thread.name = name
        thread.start()
    }

    /// Refuses further jobs. Waiting jobs still run.
    func close() {
        let all = state.withLock { state in
            state.isClosed = true
            defer { state.sleeping = [] }
            return state.sleeping
        }
        for signal in all { signal.signal() }
    }
}

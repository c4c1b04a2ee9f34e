import Foundation
import NIOCore
import Rookery

/// A bounded queue of jobs for the threads of a database. It serves the peers whose messages need the jobs round robin, so
/// that a peer with many jobs does not delay the job of another.
final class JobQueue: @unchecked Sendable {
    // Sendable, unchecked: the condition's lock guards all mutable state.

    private let condition = NSCondition()
    private var jobs: FairQueue<DatabaseJob>
    private var threads = 0
    private var sleeping = 0
    /// Sleeping threads that were signaled and have not woken up yet.
    private var woken = 0
    private var isClosed = false
    /// When a thread last took jobs.
    private var takenAt = NIODeadline.now()

    /// Makes a queue of at most `limit` waiting jobs.
    init(limit: Int) { jobs = FairQueue(limit: limit) }

    /// How many jobs wait per awake thread before another thread is woken. A few jobs finish sooner than a thread wakes
    /// up.
    private static let jobsPerThread = 8
    /// When no thread has taken jobs for this long, the awake threads are busy, and another one is woken. 2 ms.
    private static let longRun = TimeAmount.milliseconds(2)

    /// Adds jobs. Without room, jobs of the peer with most jobs fail with `OVERLOADED`. When the queue is closed, all new ones
    /// do.
    func add(_ new: [DatabaseJob]) {
        condition.lock()
        let refused = isClosed ? new : new.compactMap { jobs.append($0, of: $0.peer) }
        let isNeeded = wakes()
        condition.unlock()
        // Outside the lock, because the woken thread takes the lock first.
        if isNeeded { condition.signal() }
        for job in refused {
            job.failed(RemoteError.databaseBusy)
            job.finish()
        }
    }

    /// Returns whether to wake another thread, and counts it as woken.
    private func wakes() -> Bool {
        guard jobs.count > 0, sleeping > woken else { return false }
        let awake = threads - sleeping + woken
        guard awake == 0 || jobs.count > awake * Self.jobsPerThread || .now() - takenAt > Self.longRun else {
            return false
        }
        woken += 1
        return true
    }

    /// Takes the next jobs, at most `count`. Blocks until there is one. Returns nil when the queue is closed and empty.
    func next(atMost count: Int) -> [DatabaseJob]? {
        condition.lock()
        defer { condition.unlock() }
        while jobs.count == 0 {
            if isClosed { return nil }
            sleeping += 1
            while woken == 0, !isClosed { condition.wait() }
            sleeping -= 1
            woken = max(0, woken - 1)
        }
        takenAt = .now()
        var taken: [DatabaseJob] = []
        while taken.count < count, let job = jobs.popFirst() { taken.append(job) }
        return taken
    }

    /// Puts jobs that were taken but not begun back at the front.
    func putBack(_ jobs: some BidirectionalCollection<DatabaseJob>) {
        condition.lock()
        defer { condition.unlock() }
        self.jobs.putBack(jobs.map { ($0, $0.peer) })
    }

    /// Starts a thread. `body` takes jobs until the queue is closed.
    func start(_ name: String, _ body: @Sendable @escaping () -> Void) {
        condition.lock()
        threads += 1
        condition.unlock()
        let thread = Thread(block: body)
        thread.name = name
        thread.start()
    }

    /// Refuses further jobs. Waiting jobs still run.
    func close() {
        condition.lock()
        defer { condition.unlock() }
        isClosed = true
        condition.broadcast()
    }
}

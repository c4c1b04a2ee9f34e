import Foundation
import NIOCore
import Rookery

/// Jobs for the threads of a database, first in, first out. Bounded.
final class JobQueue: @unchecked Sendable {
    // Everything that changes is guarded by the condition's lock.

    private let condition = NSCondition()
    private let limit: Int
    private var jobs: CircularBuffer<DatabaseJob> = []
    private var threads = 0
    private var sleeping = 0
    /// Sleeping threads that were told to wake up and have not yet.
    private var woken = 0
    private var isClosed = false
    /// When jobs were last taken.
    private var takenAt = NIODeadline.now()

    /// A queue for so many jobs that wait.
    init(limit: Int) { self.limit = limit }

    /// Jobs for each thread that is awake before another one is woken: a few are done sooner than a thread wakes up.
    private static let jobsPerThread = 8
    /// A thread that has been at its jobs for longer than this is one that others should not wait for. 2 ms.
    private static let longRun = TimeAmount.milliseconds(2)

    /// Adds jobs. Those for which there is no room are answered with `OVERLOADED`, as are all when the queue is closed.
    func add(_ new: [DatabaseJob]) {
        condition.lock()
        let taken = isClosed ? 0 : min(new.count, limit - jobs.count)
        jobs.append(contentsOf: new.prefix(taken))
        let isNeeded = wakes()
        condition.unlock()
        // Outside of the lock, which the thread that is woken takes first.
        if isNeeded { condition.signal() }
        for job in new.dropFirst(taken) {
            job.failed(RemoteError.databaseBusy)
            job.finish()
        }
    }

    /// Whether another thread is to be woken.
    private func wakes() -> Bool {
        guard !jobs.isEmpty, sleeping > woken else { return false }
        let awake = threads - sleeping + woken
        guard awake == 0 || jobs.count > awake * Self.jobsPerThread || .now() - takenAt > Self.longRun else {
            return false
        }
        woken += 1
        return true
    }

    /// The next jobs, at most so many; waits for one. Nil when the queue is closed and empty.
    func next(atMost count: Int) -> [DatabaseJob]? {
        condition.lock()
        defer { condition.unlock() }
        while jobs.isEmpty {
            if isClosed { return nil }
            sleeping += 1
            while woken == 0, !isClosed { condition.wait() }
            sleeping -= 1
            woken = max(0, woken - 1)
        }
        takenAt = .now()
        let taken = Array(jobs.prefix(count))
        jobs.removeFirst(taken.count)
        return taken
    }

    /// Puts jobs back that were taken and not begun: they are next.
    func putBack(_ jobs: some BidirectionalCollection<DatabaseJob>) {
        condition.lock()
        defer { condition.unlock() }
        for job in jobs.reversed() { self.jobs.prepend(job) }
    }

    /// Has a thread take jobs from here until the queue is closed.
    func start(_ name: String, _ body: @Sendable @escaping () -> Void) {
        condition.lock()
        threads += 1
        condition.unlock()
        let thread = Thread(block: body)
        thread.name = name
        thread.start()
    }

    /// Takes no more jobs; those that wait are still run.
    func close() {
        condition.lock()
        defer { condition.unlock() }
        isClosed = true
        condition.broadcast()
    }
}

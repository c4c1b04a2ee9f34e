import Rookery

/// Collects the jobs of one event loop, and adds them to the queue together when the loop settles. So one wake-up of a
/// thread serves all of them. Confined to the loop.
final class JobOutbox: LoopSettling, @unchecked Sendable {
    private let queue: JobQueue
    private let executor: LoopExecutor
    private var jobs: [DatabaseJob] = []

    init(_ queue: JobQueue, _ executor: LoopExecutor) {
        self.queue = queue
        self.executor = executor
    }

    func add(_ job: DatabaseJob) {
        if jobs.isEmpty { executor.settleLater(self) }
        jobs.append(job)
    }

    func settle() {
        let jobs = self.jobs
        self.jobs = []
        queue.add(jobs)
    }
}

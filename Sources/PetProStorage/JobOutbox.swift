import Rookery

/// The jobs that one event loop has for a queue: handed over all together when what the loop is at is done, so that a thread is
/// woken once for all of them. Confined to the loop.
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

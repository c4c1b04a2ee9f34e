import Dispatch
import NIOCore
import Rookery

/// The reading threads of a database, or its one writing thread. Each thread has its own connection.
final class DatabaseThreads: Sendable {
    private let jobs: JobQueue
    private let sessions: [any EngineSession]
    /// One for each event loop, by the loop's position.
    private let outboxes: [JobOutbox]

    /// The most jobs that wait. Further ones are refused.
    private static let limit = 8192

    /// Starts a thread for each session. The thread calls `onPublished` after a commit that published events, and `onErased`
    /// after one that erased people.
    init(
        _ name: String, _ sessions: [any EngineSession], onPublished: @escaping @Sendable () -> Void = {},
        onErased: @escaping @Sendable () -> Void = {}
    ) {
        let jobs = JobQueue(limit: Self.limit)
        self.jobs = jobs
        outboxes = EventLoops.shared.executors.map { JobOutbox(jobs, $0) }
        self.sessions = sessions
        for session in sessions {
            jobs.start(name) {
                Self.run(jobs, session) { outcome in
                    if outcome.hasPublished { onPublished() }
                    if outcome.hasErased { onErased() }
                }
            }
        }
    }

    deinit { jobs.close() }

    /// How many jobs wait for a thread.
    var waiting: Int { jobs.count }

    /// The most jobs that share a transaction.
    private static let batch = 64
    /// Returns whether a transaction is too long for more jobs to join: over 20 ms for writes, over 250 µs for reads.
    ///
    /// Writes share one sync of the disk. Reads share little, and each waits until all are done.
    private static func isLong(_ time: Duration, _ access: DatabaseJob.Access) -> Bool {
        time > (access == .write ? .milliseconds(20) : .microseconds(250))
    }

    private static func run(
        _ jobs: JobQueue, _ session: any EngineSession,
        _ onOutcome: @Sendable (SharedTransaction.Outcome) -> Void
    ) {
        while let taken = jobs.next(atMost: batch) {
            let began = ContinuousClock.now
            // The session is free, because in operation only this thread uses it. The closure runs on this thread.
            let outcome = session.use { connection in
                SharedTransaction(
                    connection: connection, isLong: { isLong(began.duration(to: .now), $0) },
                    more: { jobs.more(atMost: batch - $0) }
                ).run(taken)
            }
            jobs.putBack(outcome.left)
            onOutcome(outcome)
            finish(outcome.done) { !jobs.isEmpty }
        }
    }

    /// Resumes the callers of finished jobs.
    ///
    /// The callers on one event loop are resumed together, so that the loop wakes up once. After reads, the thread
    /// waits until the loop has run these callers, if other jobs wait. Otherwise a few callers that read much would fill the loop's
    /// queue for all others.
    private static func finish(_ jobs: [DatabaseJob], before hasMore: () -> Bool) {
        var rest = jobs[...]
        while let first = rest.first {
            guard let executor = first.executor else {
                first.finish()
                rest = rest.dropFirst()
                continue
            }
            let own = rest.filter { $0.executor === executor }
            rest = rest.filter { $0.executor !== executor }[...]
            let isDone = first.access == .read && hasMore() ? DispatchSemaphore(value: 0) : nil
            executor.eventLoop.execute {
                executor.beginBurst()
                for job in own { job.finish() }
                if let isDone {
                    executor.drain { isDone.signal() }
                } else {
                    executor.endBurst()
                }
            }
            // A loop that is blocked by a handler delays the reads of others for at most 20 ms.
            _ = isDone?.wait(timeout: .now() + .milliseconds(20))
        }
    }

    /// Queues a closure, and returns its result once it has run.
    ///
    /// Throws what the closure throws, and `OVERLOADED` when another process keeps the database locked or the queue is
    /// full.
    func perform<Result: Sendable>(
        _ access: DatabaseJob.Access, _ readAhead: ReadAhead?,
        _ body: @Sendable @escaping (Transaction) throws -> Result
    ) async throws -> Result {
        do {
            return try await withUnsafeThrowingContinuation { continuation in
                guard let position = EventLoops.shared.currentPosition else {
                    return jobs.add([ResultJob(access, nil, readAhead, continuation, body)])
                }
                outboxes[position].add(
                    ResultJob(access, EventLoops.shared.executors[position], readAhead, continuation, body))
            }
        } catch let error as EngineError {
            throw RemoteError(error) ?? error
        }
    }

    /// The texts of the prepared statements.
    var prepared: Set<String> {
        sessions.reduce(into: []) { found, session in session.use { found.formUnion($0.prepared) } }
    }

    /// Refuses further jobs, and closes the connections. No job may be under way.
    func close() throws {
        jobs.close()
        for session in sessions { try session.close() }
    }
}

extension RemoteError {
    /// The refusal for an error that a caller can do something about. Nil for any other.
    fileprivate init?(_ error: EngineError) {
        switch error.kind {
        case .busy, .conflict: self = .databaseBusy
        case .unavailable:
            self.init(.overloaded, "The database is not reachable.", details: ["retryAfterMs": 500])
        case .unknownOutcome:
            self.init(
                .deadlineExceeded, "The connection to the database was lost during a commit; the outcome is unknown.")
        case .full: self.init(.overloaded, "The disk of the database is full.", details: ["retryAfterMs": 5000])
        case .constraint, .other: return nil
        }
    }

    /// The refusal when another process holds the lock, or when the queue is full. Nothing was done, so the caller may
    /// retry.
    static let databaseBusy = RemoteError(.overloaded, "The database is busy.", details: ["retryAfterMs": 200])
}

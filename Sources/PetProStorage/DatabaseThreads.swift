import Dispatch
import GRDB
import NIOCore
import Rookery

/// The threads of a database that read, or the one that writes: each with a connection of its own.
final class DatabaseThreads: Sendable {
    private let jobs: JobQueue
    private let connections: [DatabaseQueue]
    private let known: [Known]
    /// By the positions of the event loops.
    private let outboxes: [JobOutbox]

    /// The connection of a thread, once it has made one. Only touched within its queue.
    private final class Known: @unchecked Sendable {
        var connection: Connection?

        func connection(of database: GRDB.Database) -> Connection {
            if let connection { return connection }
            let made = Connection(database)
            connection = made
            return made
        }
    }

    /// Jobs that wait for their turn; further ones are refused.
    private static let waiting = 8192

    /// A thread for each connection. `onPublished` is called after a commit that published events.
    init(
        _ name: String, _ connections: [DatabaseQueue], onPublished: @escaping @Sendable () -> Void = {}
    ) {
        let jobs = JobQueue(limit: Self.waiting)
        self.jobs = jobs
        outboxes = EventLoops.shared.executors.map { JobOutbox(jobs, $0) }
        self.connections = connections
        known = connections.map { _ in Known() }
        for (queue, known) in zip(connections, known) {
            jobs.start(name) { Self.run(jobs, queue, known, onPublished) }
        }
    }

    deinit { jobs.close() }

    /// Jobs that share a transaction.
    private static let batch = 64
    /// When a transaction has taken so long, no more jobs join it: what writes shares a sync of the disk, what reads shares
    /// little, and is answered when all are done. 10 ms and 250 µs.
    private static func isLong(_ time: Duration, _ access: DatabaseJob.Access) -> Bool {
        time > (access == .write ? .milliseconds(10) : .microseconds(250))
    }

    private static func run(
        _ jobs: JobQueue, _ queue: DatabaseQueue, _ known: Known, _ onPublished: @Sendable () -> Void
    ) {
        while let taken = jobs.next(atMost: batch) {
            let began = ContinuousClock.now
            // The queue is always free: only this thread asks for it, and does what it is asked for here.
            let outcome = queue.inDatabase { database in
                SharedTransaction(connection: known.connection(of: database)) {
                    isLong(began.duration(to: .now), $0)
                }.run(taken)
            }
            jobs.putBack(outcome.left)
            if outcome.hasPublished { onPublished() }
            finish(outcome.done)
        }
    }

    /// Has callers go on: those on an event loop there, all together, so that it is woken once. What was read waits until the loop
    /// has done with what was read before: else a few who read much would fill the loop's queue for all others.
    private static func finish(_ jobs: [DatabaseJob]) {
        var rest = jobs[...]
        while let first = rest.first {
            guard let executor = first.executor else {
                first.finish()
                rest = rest.dropFirst()
                continue
            }
            let own = rest.filter { $0.executor === executor }
            rest = rest.filter { $0.executor !== executor }[...]
            let isDone = first.access == .read ? DispatchSemaphore(value: 0) : nil
            executor.eventLoop.execute {
                executor.beginBurst()
                for job in own { job.finish() }
                if let isDone {
                    executor.drain()
                    isDone.signal()
                } else {
                    executor.endBurst()
                }
            }
            // A loop that is held up by a handler should not hold up the reads of others as well.
            _ = isDone?.wait(timeout: .now() + .milliseconds(20))
        }
    }

    /// Has a closure run when its turn comes, and gives its result. Throws what it throws, and `OVERLOADED` when another
    /// process keeps the database locked, or when there is no room for another job.
    func perform<Result: Sendable>(
        _ access: DatabaseJob.Access, _ body: @Sendable @escaping (Transaction) throws -> Result
    ) async throws -> Result {
        do {
            return try await withUnsafeThrowingContinuation { continuation in
                guard let position = EventLoops.shared.currentPosition else {
                    return jobs.add([ResultJob(access, nil, continuation, body)])
                }
                outboxes[position].add(
                    ResultJob(access, EventLoops.shared.executors[position], continuation, body))
            }
        } catch let error as DatabaseError
            where error.resultCode == .SQLITE_BUSY || error.resultCode == .SQLITE_LOCKED
        {
            throw RemoteError.databaseBusy
        }
    }

    /// The texts of the statements that were prepared.
    var prepared: Set<String> {
        zip(connections, known).reduce(into: []) { found, connection in
            found.formUnion(connection.0.inDatabase { _ in connection.1.connection?.prepared ?? [] })
        }
    }

    /// Takes no more jobs, and closes the connections. Nothing may be under way.
    func close() throws {
        jobs.close()
        for (queue, known) in zip(connections, known) {
            queue.inDatabase { _ in known.connection = nil }
            try queue.close()
        }
    }
}

extension RemoteError {
    /// A lock that another process holds, and a queue that is full, are load and no fault: nothing was done, and the caller may
    /// come again.
    static let databaseBusy = RemoteError(.overloaded, "The database is busy.", details: ["retryAfterMs": 200])
}

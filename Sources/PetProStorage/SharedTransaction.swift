/// Runs the closures of several jobs in one transaction, so that they share one commit (group commit).
///
/// A closure that throws is rolled back alone if the engine can do that. If it cannot, or if the shared transaction fails, each closure
/// runs again in its own transaction, so closures must be repeatable. After an unknown outcome, or a wait for the lock that was too
/// long, no closure runs again. This type finishes no jobs, so no caller gets a result before the
/// commit.
struct SharedTransaction {
    /// The outcome of a run.
    struct Outcome {
        /// Jobs that have run, and may be finished.
        var done: [DatabaseJob] = []
        /// Jobs that were not begun.
        var left: ArraySlice<DatabaseJob> = []
        /// Whether events were published and committed.
        var hasPublished = false
        /// Whether people were erased, and that is committed.
        var hasErased = false

        mutating func committed(_ transaction: Transaction) {
            if transaction.hasPublished { hasPublished = true }
            if transaction.hasErased { hasErased = true }
        }
    }

    let connection: Connection
    /// Returns whether a transaction has taken so long that no more jobs should join it.
    let isLong: (DatabaseJob.Access) -> Bool
    /// Returns jobs that have come meanwhile, for a transaction that has so many.
    var more: (Int) -> [DatabaseJob] = { _ in [] }

    /// Runs the first job, and those after it that can share its transaction.
    func run(_ jobs: [DatabaseJob]) -> Outcome {
        var outcome = Outcome()
        guard let first = jobs.first else { return outcome }
        let joining = first.access == .bare ? jobs.prefix(1) : jobs.prefix { $0.access == first.access }
        outcome.left = jobs[joining.endIndex...]
        // Others may join a write before its commit, if that costs it no savepoint.
        if joining.count == 1, first.access != .write || !connection.hasCheapParts {
            runAlone(first, &outcome)
        } else {
            runTogether(joining, first.access, &outcome)
        }
        return outcome
    }

    /// Rolls back the transaction. An engine refuses that only when it has ended the transaction itself. If one is open
    /// nevertheless, the next `BEGIN` fails, and its callers get the error.
    private func rollBack() {
        if connection.isInTransaction { try? connection.execute("ROLLBACK") }
    }

    /// How often a closure runs when the engine could not order it with others, or lost the connection.
    private static let attempts = 3

    private static func mayRunAgain(after error: any Error) -> Bool {
        let kind = (error as? EngineError)?.kind
        return kind == .conflict || kind == .unavailable
    }

    private func runAlone(_ job: DatabaseJob, _ outcome: inout Outcome) {
        outcome.done.append(job)
        for attempt in 1...Self.attempts {
            do {
                try connection.begin(job.access)
                // The deadline may have passed while the job waited.
                try job.checkDeadline()
                let transaction = Transaction(connection)
                if let own = job.readAhead { try connection.expect(own, before: nil, in: transaction) }
                try job.run(transaction)
                try connection.commit(job.access)
                return outcome.committed(transaction)
            } catch {
                rollBack()
                job.failed(error)
                if job.access == .bare || !Self.mayRunAgain(after: error) || attempt == Self.attempts { return }
            }
        }
    }

    private func runTogether(
        _ jobs: ArraySlice<DatabaseJob>, _ access: DatabaseJob.Access, _ outcome: inout Outcome
    ) {
        do {
            try connection.begin(access)
        } catch {
            for job in jobs { job.failed(error) }
            outcome.done.append(contentsOf: jobs)
            return
        }
        let transaction = Transaction(connection)
        var waiting = jobs
        var joined: [DatabaseJob] = []
        do {
            while let job = waiting.first {
                if !joined.isEmpty, isLong(access) { break }
                waiting = waiting.dropFirst()
                joined.append(job)
                if waiting.isEmpty, access == .write, outcome.left.isEmpty {
                    let late = more(joined.count)
                    waiting = late.prefix { $0.access == access }
                    outcome.left = late[waiting.endIndex...]
                }
                try join(job, before: waiting.first, transaction)
            }
            try connection.commit(access)
            outcome.committed(transaction)
            outcome.done.append(contentsOf: joined)
        } catch let error as EngineError where error.kind == .unknownOutcome || error.kind == .busy && error.isOfEarlier
        {
            // After an unknown outcome no job may run again. After a failed wait for the lock, no job would get it alone either.
            rollBack()
            for job in joined { job.failed(error) }
            outcome.done.append(contentsOf: joined)
        } catch {
            // The whole transaction failed. Each job runs again, alone.
            rollBack()
            for job in joined { runAlone(job, &outcome) }
        }
        outcome.left = waiting + outcome.left
    }

    /// Runs a job's closure within the transaction, as a part of it. Throws only when the transaction cannot continue.
    private func join(_ job: DatabaseJob, before next: DatabaseJob?, _ transaction: Transaction) throws {
        do {
            try job.checkDeadline()
        } catch {
            return job.failed(error)
        }
        // A read has nothing to undo.
        if job.access == .write { try connection.beginPart() }
        do {
            if let own = job.readAhead {
                try connection.expect(own, before: next?.readAhead(after: job), in: transaction)
            }
            try job.run(transaction)
        } catch {
            // Perhaps it is the fault of another job, whose savepoint is not released. Alone, each job gets its own.
            if connection.hasFailedLater || Self.mayRunAgain(after: error) { throw error }
            job.failed(error)
            // A data key that the closure made may be rolled back with it.
            transaction.dataKeys = [:]
            guard connection.isInTransaction else { throw error }
            // Then each job runs alone.
            if job.access == .write, try !connection.undoPart() { throw error }
        }
        // A closure may have caught the error.
        if connection.hasFailedLater { throw EngineError(.other, "a statement that had waited failed") }
        if job.access == .write { try connection.endPart() }
    }
}

/// Runs the closures of several jobs in one transaction, so that they share one commit (group commit).
///
/// A closure that throws is rolled back alone. When the common commit fails, each closure runs again in a transaction of its
/// own: closures are repeatable. No job is finished here, so no caller knows of anything before the commit.
struct SharedTransaction {
    /// What became of jobs.
    struct Outcome {
        /// They may be finished.
        var done: [DatabaseJob] = []
        /// They were not begun.
        var left: ArraySlice<DatabaseJob> = []
        /// Whether events were published and committed.
        var hasPublished = false
    }

    let connection: Connection
    /// Whether a transaction of a kind has taken so long that no more jobs should join it.
    let isLong: (DatabaseJob.Access) -> Bool

    /// Runs the first of some jobs, and those after it that can share its transaction.
    func run(_ jobs: [DatabaseJob]) -> Outcome {
        var outcome = Outcome()
        guard let first = jobs.first else { return outcome }
        let joining = first.access == .bare ? jobs.prefix(1) : jobs.prefix { $0.access == first.access }
        outcome.left = jobs[joining.endIndex...]
        if joining.count == 1 {
            runAlone(first, &outcome)
        } else {
            runTogether(joining, first.access, &outcome)
        }
        return outcome
    }

    private func begin(_ access: DatabaseJob.Access) throws {
        switch access {
        case .read: try connection.execute("BEGIN DEFERRED")
        case .write: try connection.execute("BEGIN IMMEDIATE")
        case .bare: break
        }
    }

    private func commit(_ access: DatabaseJob.Access) throws {
        if access != .bare { try connection.execute("COMMIT") }
    }

    /// Ends the transaction without an effect. SQLite refuses that only when it has ended the transaction itself; should one be
    /// open all the same, the next `BEGIN` fails, and its callers are told.
    private func rollBack() {
        if connection.isInTransaction { try? connection.execute("ROLLBACK") }
    }

    private func runAlone(_ job: DatabaseJob, _ outcome: inout Outcome) {
        outcome.done.append(job)
        do {
            try begin(job.access)
            // Others may have kept it waiting: too late is too late.
            try job.checkDeadline()
            let transaction = Transaction(connection)
            try job.run(transaction)
            try commit(job.access)
            if transaction.hasPublished { outcome.hasPublished = true }
        } catch {
            rollBack()
            job.failed(error)
        }
    }

    private func runTogether(
        _ jobs: ArraySlice<DatabaseJob>, _ access: DatabaseJob.Access, _ outcome: inout Outcome
    ) {
        do {
            try begin(access)
        } catch {
            for job in jobs { job.failed(error) }
            outcome.done.append(contentsOf: jobs)
            return
        }
        let transaction = Transaction(connection)
        var joined = jobs.prefix(0)
        do {
            for job in jobs {
                if !joined.isEmpty, isLong(access) { break }
                joined = jobs[..<(joined.endIndex + 1)]
                try join(job, transaction)
            }
            try commit(access)
            if transaction.hasPublished { outcome.hasPublished = true }
            outcome.done.append(contentsOf: joined)
        } catch {
            // Nothing of it holds.
            rollBack()
            for job in joined { runAlone(job, &outcome) }
        }
        outcome.left = (jobs[joined.endIndex...] + outcome.left)[...]
    }

    /// Runs a job's closure within the transaction; throws when that is over because of it.
    private func join(_ job: DatabaseJob, _ transaction: Transaction) throws {
        do {
            try job.checkDeadline()
        } catch {
            return job.failed(error)
        }
        // What only reads has nothing to roll back.
        if job.access == .write { try connection.execute("SAVEPOINT job") }
        do {
            try job.run(transaction)
        } catch {
            job.failed(error)
            guard connection.isInTransaction else { throw error }
            if job.access == .write { try connection.execute("ROLLBACK TO job") }
        }
        if job.access == .write { try connection.execute("RELEASE job") }
    }
}

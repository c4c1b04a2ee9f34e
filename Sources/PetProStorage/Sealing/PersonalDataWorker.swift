public import Logging
import PetProRuntime
public import Rookery
public import ServiceLifecycle

/// Keeps the personal data of a database as it should be: destroys the data keys of erased people, seals data keys with
/// the newest encryption key, and brings old rows into the form in which new ones are stored.
///
/// Several instances may do so at once.
public struct PersonalDataWorker: Service {
    private let database: Database
    private let tables: [SealedTable]
    private let erase: @Sendable (Int, Transaction) throws -> Void
    private let now: @Sendable () -> Instant
    private let clock: any Clock<Duration>
    private let logger: Logger
    private static let batch = 100

    /// Makes a worker.
    ///
    /// `tables` are the tables with personal data. `erase` erases a person's rows; the worker calls it for people who were
    /// erased before, and whom a restored backup brought back.
    public init(
        database: Database, tables: [SealedTable], logger: Logger, clock: any Clock<Duration> = ContinuousClock(),
        now: @escaping @Sendable () -> Instant, erase: @escaping @Sendable (Int, Transaction) throws -> Void
    ) {
        self.database = database
        self.tables = tables
        self.erase = erase
        self.now = now
        self.clock = clock
        self.logger = logger
    }

    /// Works until graceful shutdown or cancellation: at its start, every second for changed encryption keys, and at once
    /// after an erasure.
    public func run() async throws {
        await cancelWhenGracefulShutdown {
            var isFirst = true
            // The keys under which the last run tried everything: a data key that cannot be opened is not tried each second.
            var tried: [String] = []
            while !Task.isCancelled {
                do {
                    try await work(isFirst: isFirst, &tried)
                    isFirst = false
                } catch is CancellationError {
                    return
                } catch {
                    logger.error("the work on personal data failed", metadata: ["error": "\(error)"])
                }
                await database.erasureSignal.wait(atMost: .seconds(1), clock: clock)
            }
        }
    }

    private func work(isFirst: Bool, _ tried: inout [String]) async throws {
        guard let protection = database.protection else { return }
        _ = protection.reload()
        try await settleErasures()
        let ids = protection.keys().ids
        if ids != tried {
            try await rewrap()
            tried = ids
        }
        if !isFirst { return }
        try await erasePeopleOfBackups()
        for table in tables { try await convert(table, to: protection) }
    }

    // MARK: Erasure

    /// Destroys the data keys of people who were erased. Throws the error of a database.
    public func settleErasures() async throws {
        let open =
            "SELECT subject FROM erasures WHERE key_destroyed_at IS NULL AND subject > 0 ORDER BY subject LIMIT ?"
        while true {
            let now = self.now()
            let subjects = try await database.read { try $0.rows(open, Self.batch) { try $0.int() } }
            if subjects.isEmpty { return }
            let isGone = try await database.bare { transaction in
                guard let keyStore = transaction.keyStore else { return true }
                for subject in subjects { try keyStore.destroy(subject, at: now) }
                return try keyStore.checkpoint()
            }
            // What was overwritten must be gone from the logs too. While another process reads them, the receipt waits.
            guard isGone, try await database.checkpoint() else { return }
            try await database.write { transaction in
                for subject in subjects {
                    try transaction.execute("UPDATE erasures SET key_destroyed_at = ? WHERE subject = ?", now, subject)
                }
            }
            for subject in subjects { logger.notice("a person was erased", metadata: ["userId": "\(subject)"]) }
        }
    }

    /// Erases again the people whom the key store knows as erased, and the database does not: it was restored from a backup.
    /// Throws the error of a database, and what `erase` throws.
    public func erasePeopleOfBackups() async throws {
        let (now, erase) = (self.now(), self.erase)
        var last = Int.min
        while true {
            let after = last
            let subjects = try await database.bare { transaction in
                try transaction.keyStore?.destroyed(after: after, limit: Self.batch) ?? []
            }
            guard let end = subjects.last else { return }
            last = end
            try await database.write { transaction in
                for subject in subjects {
                    if try transaction.exists("SELECT 1 FROM erasures WHERE subject = ?", subject) { continue }
                    try erase(subject, transaction)
                    try transaction.noteErasure(of: subject, at: now)
                }
            }
            try await settleErasures()
        }
    }

    // MARK: Encryption keys

    /// Seals all data keys with the encryption key that seals. One that cannot be opened stays as it is. Throws the
    /// error of the key store. Cancellation ends it early, without an error.
    public func rewrap() async throws {
        guard try await database.bare({ try $0.keyStore?.needsRewrap() ?? false }) else { return }
        var (count, left) = (0, 0)
        var last: Int? = Int.min
        while let after = last, !Task.isCancelled {
            let done: (last: Int?, count: Int, left: Int) = try await database.bare {
                try $0.keyStore?.rewrap(after: after, limit: Self.batch) ?? (nil, 0, 0)
            }
            count += done.count
            left += done.left
            last = done.last
        }
        if left > 0 {
            logger.error("data keys cannot be opened; they stay under their old key", metadata: ["keys": "\(left)"])
        }
        if count > 0 {
            logger.notice("sealed data keys with the newest encryption key", metadata: ["keys": "\(count)"])
        }
    }

    // MARK: Forms

    /// Brings the rows of a table into the form of new ones, a batch at a time. It goes on where it was when the service
    /// stopped. A row that cannot be read stays as it is, and is logged. Throws the error of a database. Cancellation ends it early,
    /// without an error.
    public func convert(_ table: SealedTable, to protection: Protection) async throws {
        // A restored backup, or an instance of an earlier version, may have brought rows of the other form.
        if try await database.read({ try table.isDone(in: $0, protection.form) && !table.hasOtherForm(in: $0) }) {
            return
        }
        try await database.write { try table.beginAgainIfDone(in: $0, protection.form) }
        var (count, isDone) = (0, false)
        while !isDone, !Task.isCancelled {
            let step = try await database.write { try table.convertNext(in: $0, protection.form, limit: Self.batch) }
            count += step.changed
            isDone = step.isDone
            for row in step.left {
                logger.error("a row cannot be rewritten", metadata: ["table": "\(table.name)", "row": "\(row)"])
            }
        }
        if count > 0 {
            // The old forms disappear from the log too.
            try await database.checkpoint()
            logger.notice(
                "rewrote personal data",
                metadata: ["table": "\(table.name)", "form": "\(protection.form.rawValue)", "rows": "\(count)"])
        }
    }
}

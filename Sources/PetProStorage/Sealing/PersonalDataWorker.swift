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
            while !Task.isCancelled {
                do {
                    try await work(isFirst: isFirst)
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

    private func work(isFirst: Bool) async throws {
        guard let protection = database.protection else { return }
        try await settleErasures()
        if isFirst { try await erasePeopleOfBackups() }
        if protection.reload() || isFirst { try await rewrap() }
        if isFirst { for table in tables { try await convert(table, to: protection) } }
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
            try await database.bare { transaction in
                guard let keyStore = transaction.keyStore else { return }
                for subject in subjects { try keyStore.destroy(subject, at: now) }
                try keyStore.checkpoint()
            }
            try await database.write { transaction in
                for subject in subjects {
                    try transaction.execute("UPDATE erasures SET key_destroyed_at = ? WHERE subject = ?", now, subject)
                }
            }
            // What was overwritten in the database disappears from its log too.
            try await database.checkpoint()
            for subject in subjects { logger.notice("a person was erased", metadata: ["userId": "\(subject)"]) }
        }
    }

    /// Erases again the people whom the key store knows as erased, and the database does not: it was restored from a backup.
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

    /// Seals all data keys with the newest encryption key. Throws ``Unreadable`` when one cannot be opened.
    public func rewrap() async throws {
        var count = 0
        while !Task.isCancelled {
            let done = try await database.bare { try $0.keyStore?.rewrap(limit: Self.batch) ?? 0 }
            if done == 0 { break }
            count += done
        }
        if count > 0 {
            logger.notice("sealed data keys with the newest encryption key", metadata: ["keys": "\(count)"])
        }
    }

    // MARK: Forms

    /// Brings the rows of a table into the form of new ones, a batch at a time. It goes on where it was when the service
    /// stopped.
    public func convert(_ table: SealedTable, to protection: Protection) async throws {
        var count = 0
        while !Task.isCancelled {
            let (upto, isDone) = try await database.bare { transaction in
                try transaction.keyStore?.progress(table.name, protection.form) ?? (0, true)
            }
            if isDone { break }
            let (last, converted) = try await database.write {
                try table.convert(in: $0, after: upto, limit: Self.batch)
            }
            count += converted
            try await database.bare { transaction in
                try transaction.keyStore?.setProgress(
                    table.name, protection.form, upto: last ?? upto, isDone: last == nil)
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

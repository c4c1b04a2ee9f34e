public import Logging
public import ServiceLifecycle
import Synchronization
import PetProRuntime

/// The right of one instance of a service to do the work that only one should do: delivering events, expiring what is due,
/// deleting what is old.
///
/// The holder renews the lease every 5 s. When it has not for 15 s, or its process on this machine has ended, another instance
/// takes it. A holder that cannot renew
/// stops after 10 s. No clock of the day is involved.
public final class WorkLease: Service {
    /// This instance no longer has the lease. What it wanted to write was not written.
    struct Lost: Error {}

    private struct State {
        var token: Int?
        /// Until when the lease is this instance's without a further renewal, as uptime.
        var until: Duration = .zero
        var observation = LeaseObservation()
    }

    private static let interval: Duration = .seconds(5)
    /// How long a holder trusts a renewal.
    private static let trust: Duration = .seconds(10)
    /// How often an instance without the lease looks at it.
    private static let poll: Duration = .milliseconds(2500)

    private let database: Database
    private let holder: String
    private let logger: Logger
    private let clock: any Clock<Duration>
    private let uptime: @Sendable () -> Duration
    private let state = Mutex(State())

    /// Makes a lease that is not taken yet. `holder` names this instance, and must be unique; by default the name says which
    /// process it is, so that another one on the machine takes over as soon as that has ended. `uptime` never goes back.
    public init(
        database: Database, logger: Logger, holder: String? = nil,
        clock: any Clock<Duration> = ContinuousClock(), uptime: (@Sendable () -> Duration)? = nil
    ) {
        let start = ContinuousClock.now
        self.database = database
        self.holder = holder ?? ProcessName.own()
        self.logger = logger
        self.clock = clock
        self.uptime = uptime ?? { start.duration(to: .now) }
    }

    /// Whether this instance has the lease.
    public var isHeld: Bool { token != nil }

    /// The token of the lease, while this instance has it.
    var token: Int? { state.withLock { $0.until > uptime() ? $0.token : nil } }

    /// Keeps or takes the lease until graceful shutdown or cancellation, and then gives it up.
    public func run() async throws {
        await cancelWhenGracefulShutdown { [self] in
            while !Task.isCancelled {
                do {
                    try await keep()
                } catch is CancellationError {
                    break
                } catch {
                    logger.error("the lease of the background work cannot be renewed", metadata: ["error": "\(error)"])
                }
                // Only cancellation ends the sleep early, and the loop checks for it.
                try? await clock.sleep(for: isHeld ? Self.interval : Self.poll)
            }
        }
        await giveUp()
    }

    /// Renews the lease, or takes it if no instance has it any more. Throws the error of the database.
    func keep() async throws {
        let now = uptime()
        // A holder whose trust has run out may still be the last one.
        if let token = state.withLock({ $0.token }), try await renew(token) {
            return state.withLock { $0.until = now + Self.trust }
        }
        let known = try await database.read { try Self.record($0) }
        // A write whose outcome was unknown took it.
        if let known, known.holder == holder {
            state.withLock { $0.token = known.token }
            if try await renew(known.token) { return state.withLock { $0.until = now + Self.trust } }
        }
        guard state.withLock({ $0.observation.mayTake(known, at: now, hasEnded: ProcessName.isGone) }) else {
            return state.withLock { $0.token = nil }
        }
        let holder = self.holder
        let token: Int? = try await database.write { transaction in
            guard let known else {
                let isFirst = try transaction.execute(
                    "INSERT INTO leases (name, holder, token, beat) VALUES ('work', ?, 1, 0) ON CONFLICT DO NOTHING",
                    holder)
                return isFirst == 1 ? 1 : nil
            }
            let isTaken = try transaction.execute(
                """
                UPDATE leases SET holder = ?, token = token + 1, beat = 0
                WHERE name = 'work' AND holder = ? AND token = ? AND beat = ?
                """, holder, known.holder, known.token, known.beat)
            return isTaken == 1 ? known.token + 1 : nil
        }
        state.withLock { state in
            state.token = token
            state.until = now + Self.trust
        }
    }

    private func renew(_ token: Int) async throws -> Bool {
        let holder = self.holder
        return try await database.write { transaction in
            try transaction.execute(
                "UPDATE leases SET beat = beat + 1 WHERE name = 'work' AND holder = ? AND token = ?", holder, token)
                == 1
        }
    }

    /// Gives the lease up, so that another instance need not wait. The current task may be cancelled, so this writes in
    /// another one and waits for it.
    func giveUp() async {
        guard let token = state.withLock({ $0.token }) else { return }
        state.withLock { $0.token = nil }
        let holder = self.holder
        await Task {
            do {
                try await database.write { transaction in
                    try transaction.execute(
                        "UPDATE leases SET holder = '' WHERE name = 'work' AND holder = ? AND token = ?", holder, token)
                }
            } catch {
                logger.error("the lease of the background work was not given up", metadata: ["error": "\(error)"])
            }
        }.value
    }

    private static func record(_ transaction: Transaction) throws -> LeaseRecord? {
        try transaction.row("SELECT holder, token, beat FROM leases WHERE name = 'work'") {
            LeaseRecord(holder: try $0.text(), token: try $0.int(), beat: try $0.int())
        }
    }

    /// Throws ``Lost`` unless a token is still that of the lease. A write calls it first, so that a former holder writes
    /// nothing.
    static func check(_ token: Int, in transaction: Transaction) throws {
        guard try record(transaction)?.token == token else { throw Lost() }
    }
}

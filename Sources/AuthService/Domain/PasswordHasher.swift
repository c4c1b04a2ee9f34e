import Foundation
import NIOCore
import NIOPosix
import Rookery
import Synchronization
#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// Hashes passwords on threads of its own: each hash takes 128 MiB and a good part of a second.
///
/// There are as many threads as cores, four at most, and they yield to all others. What could not be done within half of
/// the time that its caller waits is refused at once: a flood of sign-ins is told to come again, and makes nobody wait for
/// an answer that comes too late.
final class PasswordHasher: Sendable {
    private let pool: NIOThreadPool
    private let threads: Int
    private let cost: PasswordHash.Cost
    private let admission: HashAdmission
    private let now: @Sendable () -> NIODeadline
    /// Hashed when there is no account, so that an unknown email takes as long as a wrong password.
    private let decoy: PasswordHash

    /// `threads` is how many hashes are made at once; default: as many as there are cores that the process may use, and at
    /// most four, for the memory they take.
    init(
        cost: PasswordHash.Cost = .standard, threads: Int = min(4, EventLoops.shared.executors.count),
        now: @escaping @Sendable () -> NIODeadline = { .now() }
    ) throws {
        self.cost = cost
        self.threads = threads
        self.now = now
        let began = now()
        decoy = try PasswordHash("not a password", cost: cost)
        admission = HashAdmission(threads: threads, expected: now() - began)
        pool = NIOThreadPool(numberOfThreads: threads)
        pool.start()
    }

    deinit {
        // A pool that is not stopped must not go away.
        pool.shutdownGracefully { _ in }
    }

    /// Throws `OVERLOADED` when it cannot be done in time.
    func hash(_ password: String) async throws -> PasswordHash {
        let cost = self.cost
        return try await limited { try PasswordHash(password, cost: cost) }
    }

    /// Whether it is the account's password; false, after as long, when there is no account. Throws `OVERLOADED` when it
    /// cannot be done in time.
    func verify(_ password: String, against hash: PasswordHash?) async throws -> Bool {
        let decoy = self.decoy
        return try await limited { try (hash ?? decoy).matches(password) && hash != nil }
    }

    /// Whether a hash was made with less than is asked today.
    func isOutdated(_ hash: PasswordHash) -> Bool { hash.cost.logRounds < cost.logRounds }

    private func limited<Result: Sendable>(_ work: @escaping @Sendable () throws -> Result) async throws -> Result {
        let context = MessageContext.current
        try admission.enter(deadline: context?.deadline, at: now())
        let now = self.now
        let admission = self.admission
        do {
            let result = try await pool.runIfActive {
                Self.yieldToOthers()
                // The caller's time may have passed while others were hashed.
                try context?.checkDeadline()
                let began = now()
                let result = try work()
                admission.hashed(in: now() - began)
                return result
            }
            admission.leave()
            return result
        } catch {
            admission.leave()
            throw error
        }
    }

    /// Lowers this thread's priority, so that a loop that has something to do goes first.
    private static func yieldToOthers() {
        #if os(Linux)
        // On Linux 0 means the thread itself. Where it is refused, it hashes as everybody else works.
        _ = setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, 10)
        #endif
    }
}

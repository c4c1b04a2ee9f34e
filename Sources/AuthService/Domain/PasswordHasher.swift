import Foundation
import NIOPosix
import Rookery
import Synchronization

/// Hashes passwords on threads of its own, a bounded number at a time: each takes 128 MiB for a while.
final class PasswordHasher: Sendable {
    private let pool: NIOThreadPool
    private let cost: PasswordHash.Cost
    private let waiting = Atomic<Int>(0)
    private let waitingLimit: Int
    /// Hashed when there is no account, so that an unknown email takes as long as a wrong password.
    private let decoy: PasswordHash

    init(cost: PasswordHash.Cost = .standard, threads: Int = 2, waitingLimit: Int = 64) throws {
        self.cost = cost
        self.waitingLimit = waitingLimit
        decoy = try PasswordHash("not a password", cost: cost)
        pool = NIOThreadPool(numberOfThreads: threads)
        pool.start()
    }

    func hash(_ password: String) async throws -> PasswordHash {
        let cost = self.cost
        return try await limited { try PasswordHash(password, cost: cost) }
    }

    /// Whether it is the account's password; false, after as long, when there is no account.
    func verify(_ password: String, against hash: PasswordHash?) async throws -> Bool {
        let decoy = self.decoy
        return try await limited { try (hash ?? decoy).matches(password) && hash != nil }
    }

    /// Whether a hash was made with less than is asked today.
    func isOutdated(_ hash: PasswordHash) -> Bool { hash.cost.logRounds < cost.logRounds }

    func shutDown() async throws { try await pool.shutdownGracefully() }

    private func limited<Result: Sendable>(_ work: @escaping @Sendable () throws -> Result) async throws -> Result {
        guard waiting.add(1, ordering: .relaxed).newValue <= waitingLimit else {
            waiting.subtract(1, ordering: .relaxed)
            throw RemoteError(
                .overloaded, "Too many sign-ins are under way.", details: ["retryAfterMs": 1000])
        }
        defer { waiting.subtract(1, ordering: .relaxed) }
        return try await pool.runIfActive(work)
    }
}

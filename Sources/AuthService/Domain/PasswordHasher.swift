import Foundation
import NIOCore
import NIOPosix
import Rookery

/// Hashes passwords on threads of its own: each hash takes 128 MiB and a good part of a second.
///
/// There are as many threads as cores, four at most. A hash takes the time that all other threads leave, and after a second a
/// share of its own. What could not be done within half of the time that its caller waits is refused at once: a flood of sign-ins
/// is told to come again, instead of waiting for an answer that comes too late.
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

    private func limited<Result: Sendable>(
        _ work: @escaping @Sendable () throws -> Result
    ) async throws -> Result {
        let context = MessageContext.current
        try admission.enter(deadline: context?.deadline?.instant, at: now())
        let now = self.now
        let admission = self.admission
        let priority = HashPriority()
        defer { admission.leave() }
        return try await withThrowingTaskGroup(of: Result?.self) { group in
            group.addTask {
                try await self.pool.runIfActive {
                    // The caller's time may have passed while others were hashed.
                    try context?.checkDeadline()
                    priority.begin()
                    defer { priority.end() }
                    let began = now()
                    let result = try work()
                    admission.hashed(in: now() - began)
                    return result
                }
            }
            group.addTask {
                repeat { try await Task.sleep(for: Self.yielding) } while !priority.raise()
                return nil
            }
            defer { group.cancelAll() }
            while let result = try await group.next() {
                if let result { return result }
            }
            throw CancellationError()
        }
    }

    /// How long a hash yields to everything else. 1 s.
    private static let yielding: Duration = .seconds(1)
}

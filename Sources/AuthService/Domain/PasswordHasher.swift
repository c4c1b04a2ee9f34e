import Foundation
import NIOCore
import NIOPosix
import Rookery

/// Hashes passwords on its own threads, because a hash takes 128 MiB and a large part of a second.
///
/// There are as many threads as cores, at most four. A hash takes the time that all other threads leave, and after 1 s
/// a share of its own. The hasher refuses a hash at once that would need more than half of its caller's remaining time.
/// So a flood of sign-ins gets early refusals instead of late answers.
final class PasswordHasher: Sendable {
    private let pool: NIOThreadPool
    private let threads: Int
    private let cost: PasswordHash.Cost
    private let admission: HashAdmission
    private let now: @Sendable () -> NIODeadline
    /// The hash that is verified without an account, so that an unknown email takes as long as a wrong password.
    private let decoy: PasswordHash

    /// Makes a hasher, and computes one hash to measure its time.
    ///
    /// `threads` is how many hashes run at once. Default: the number of cores that the process may use, at most four
    /// because of their memory.
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
        // NIO does not allow a running pool to be released.
        pool.shutdownGracefully { _ in }
    }

    /// Hashes a password. Throws `OVERLOADED` when the hash cannot finish in time, and `DEADLINE_EXCEEDED` when the
    /// deadline passes before it begins.
    func hash(_ password: String) async throws -> PasswordHash {
        let cost = self.cost
        return try await limited { try PasswordHash(password, cost: cost) }
    }

    /// Returns whether a password has this hash. Without a hash, it returns false after the same time. Throws the same
    /// errors as ``hash(_:)``.
    func verify(_ password: String, against hash: PasswordHash?) async throws -> Bool {
        let decoy = self.decoy
        return try await limited { try (hash ?? decoy).matches(password) && hash != nil }
    }

    /// Returns whether a hash has a lower cost than new hashes.
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
                    // The deadline may have passed while the hash waited for a thread.
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

    /// How long a hash leaves the cores to all other work, counted from its admission. 1 s.
    private static let yielding: Duration = .seconds(1)
}

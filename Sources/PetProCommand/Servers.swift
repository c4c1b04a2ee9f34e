import Rookery
import ServiceLifecycle

/// Runs the servers of a process and stops them at the same time, so that their drain times overlap.
struct Servers: Service {
    let servers: [RookeryServer]

    func run() async throws {
        // Unlike `waitForAll()`, a discarding group cancels all servers when one fails.
        try await withThrowingDiscardingTaskGroup { group in
            for server in servers { group.addTask { try await server.run() } }
        }
    }

    /// Returns when all servers listen. Throws if a server cannot listen.
    func listening() async throws {
        for server in servers { _ = try await server.boundAddress }
    }
}

import Rookery
import ServiceLifecycle

/// The servers of a process, which stop at the same time: together they take as long as one.
struct Servers: Service {
    let servers: [RookeryServer]

    func run() async throws {
        // Unlike `waitForAll()`, the first that fails ends all of them.
        try await withThrowingDiscardingTaskGroup { group in
            for server in servers { group.addTask { try await server.run() } }
        }
    }

    /// Returns when all of them listen; throws when one cannot.
    func listening() async throws {
        for server in servers { _ = try await server.boundAddress }
    }
}

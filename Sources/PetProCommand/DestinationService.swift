import Rookery
import ServiceLifecycle

/// Follows where a destination's instances are, for as long as the program runs.
struct DestinationService: Service {
    private let destination: Destination

    init(_ destination: Destination) { self.destination = destination }

    func run() async throws {
        try await cancelWhenGracefulShutdown {
            do {
                try await destination.run()
                // Instances that never change; a service that ends would end all of them.
                let (never, continuation) = AsyncStream.makeStream(of: Void.self)
                for await _ in never {}
                continuation.finish()
            } catch is CancellationError {
                return
            }
        }
    }
}

public import Logging
public import ServiceLifecycle

/// Takes back reservations whose time is over.
public struct ReservationSweeper: Service {
    private let products: ProductController
    private let clock: any Clock<Duration>
    private let logger: Logger

    /// A sweeper over the service's reservations.
    public init(products: ProductController, clock: any Clock<Duration> = ContinuousClock(), logger: Logger) {
        self.products = products
        self.clock = clock
        self.logger = logger
    }

    /// Sweeps every 10 s until graceful shutdown or cancellation.
    public func run() async throws {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                do {
                    // A full batch may have left some.
                    while try await products.expireReservations() == 100 {}
                } catch {
                    logger.warning("expiring reservations failed", metadata: ["error": "\(error)"])
                }
                // Ended early only by cancellation, which the loop sees.
                try? await clock.sleep(for: .seconds(10))
            }
        }
    }
}

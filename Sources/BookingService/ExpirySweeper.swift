public import Logging
public import ServiceLifecycle

/// Cancels bookings that nobody confirmed before their start.
public struct ExpirySweeper: Service {
    private let bookings: BookingController
    private let clock: any Clock<Duration>
    private let logger: Logger

    /// A sweeper over the service's bookings.
    public init(bookings: BookingController, clock: any Clock<Duration> = ContinuousClock(), logger: Logger) {
        self.bookings = bookings
        self.clock = clock
        self.logger = logger
    }

    /// Sweeps every 30 s until graceful shutdown or cancellation.
    public func run() async throws {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                do {
                    // A full batch may have left some.
                    while try await bookings.cancelExpired() == 100 {}
                } catch {
                    logger.warning("cancelling expired bookings failed", metadata: ["error": "\(error)"])
                }
                // Ended early only by cancellation, which the loop sees.
                try? await clock.sleep(for: .seconds(30))
            }
        }
    }
}

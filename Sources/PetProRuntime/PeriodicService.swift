public import Logging
public import ServiceLifecycle

/// Runs work periodically, such as releasing expired reservations.
public struct PeriodicService: Service {
    private let name: String
    private let interval: Duration
    private let clock: any Clock<Duration>
    private let logger: Logger
    private let isDue: @Sendable () -> Bool
    private let work: @Sendable () async throws -> Void

    /// Makes a service that runs `work`, waits for `interval`, and repeats. It logs a failed run under `name`, and
    /// continues. While `isDue` returns false, it only waits.
    public init(
        _ name: String, every interval: Duration, clock: any Clock<Duration> = ContinuousClock(), logger: Logger,
        when isDue: @escaping @Sendable () -> Bool = { true },
        _ work: @escaping @Sendable () async throws -> Void
    ) {
        self.name = name
        self.interval = interval
        self.clock = clock
        self.logger = logger
        self.isDue = isDue
        self.work = work
    }

    /// Runs the work until graceful shutdown or cancellation. Both cancel a run under way.
    public func run() async throws {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                do {
                    if isDue() { try await work() }
                } catch {
                    logger.warning("periodic work failed", metadata: ["work": "\(name)", "error": "\(error)"])
                }
                // Only cancellation ends the sleep early, and the loop checks for it.
                try? await clock.sleep(for: interval)
            }
        }
    }
}

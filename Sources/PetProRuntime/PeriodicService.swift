public import Logging
public import ServiceLifecycle

/// Does something again and again, such as taking back what has expired.
public struct PeriodicService: Service {
    private let name: String
    private let interval: Duration
    private let clock: any Clock<Duration>
    private let logger: Logger
    private let work: @Sendable () async throws -> Void

    /// Names the work, and says how long to wait after each time. A failure is logged, and the work done again.
    public init(
        _ name: String, every interval: Duration, clock: any Clock<Duration> = ContinuousClock(), logger: Logger,
        _ work: @escaping @Sendable () async throws -> Void
    ) {
        self.name = name
        self.interval = interval
        self.clock = clock
        self.logger = logger
        self.work = work
    }

    /// Works until graceful shutdown or cancellation.
    public func run() async throws {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                do {
                    try await work()
                } catch {
                    logger.warning("periodic work failed", metadata: ["work": "\(name)", "error": "\(error)"])
                }
                // Ended early only by cancellation, which the loop sees.
                try? await clock.sleep(for: interval)
            }
        }
    }
}

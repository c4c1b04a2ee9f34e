import CoreMetrics
import NIOCore
import Rookery
import Synchronization

/// Holds senders to their limits.
final class RateLimiter: Sendable {
    private let limits: RateLimits
    private let table = Mutex(RateTable())
    /// Counts requests over their limit.
    private let refused = Counter(label: "petpro_gateway_rate_limited_total")
    private let now: @Sendable () -> NIODeadline

    init(_ limits: RateLimits, now: @escaping @Sendable () -> NIODeadline = { .now() }) {
        self.limits = limits
        self.now = now
    }

    /// Counts a request of a sender. Throws a 429 with `Retry-After` if it is one too many.
    func take(_ sender: RateSender) throws(Problem) {
        let perMinute = limits.perMinute(sender)
        guard limits.mode != .off, perMinute > 0 else { return }
        let now = now()
        guard let wait = table.withLock({ $0.take(sender, perMinute: perMinute, at: now) }) else { return }
        refused.increment()
        if limits.mode == .observe { return }
        throw .tooManyRequests(retryAfterSeconds: Int((wait.nanoseconds + 999_999_999) / 1_000_000_000))
    }
}

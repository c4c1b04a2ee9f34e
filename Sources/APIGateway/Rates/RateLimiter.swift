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
        try refuse(sender) { $0.take(sender, perMinute: $1, at: $2) }
    }

    /// Throws a 429 if the next request of a sender would be one too many. Counts nothing.
    func check(_ sender: RateSender) throws(Problem) {
        try refuse(sender) { $0.wait(sender, perMinute: $1, at: $2) }
    }

    private func refuse(
        _ sender: RateSender, _ wait: (inout RateTable, Int, NIODeadline) -> TimeAmount?
    ) throws(Problem) {
        let perMinute = limits.perMinute(sender)
        guard limits.mode != .off, perMinute > 0 else { return }
        let now = now()
        guard let wait = table.withLock({ wait(&$0, perMinute, now) }) else { return }
        refused.increment()
        if limits.mode == .observe { return }
        throw .tooManyRequests(retryAfterSeconds: Int((wait.nanoseconds + 999_999_999) / 1_000_000_000))
    }
}

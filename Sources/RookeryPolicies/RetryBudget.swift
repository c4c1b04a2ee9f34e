package import NIOCore

/// How many retries a destination may get: each request pays in a fifth of what a retry takes out. So when
/// everything fails, the load grows by a fifth and no more, but for a reserve that lets rare callers retry as well.
///
/// A token bucket over a sliding window, as Finagle's. A value: the time is a parameter.
package struct RetryBudget: Sendable {
    private let ratio: Double
    private let reserve: Double
    private var window: SlidingWindow<Double>

    /// A budget into which nothing has been paid yet.
    package init(_ configuration: ClientConfiguration.Budget = ClientConfiguration.Budget()) {
        ratio = configuration.ratio
        reserve = configuration.reservePerSecond * configuration.window.inSeconds
        window = SlidingWindow(configuration.window, slots: 10)
    }

    /// Retries that could be made now.
    package var available: Double { reserve + window.total }

    /// A request, not counting its retries, has begun.
    package mutating func requestBegan(at now: NIODeadline) {
        window.add(ratio, at: now)
    }

    /// Takes out a retry; false when there is none.
    package mutating func withdraw(at now: NIODeadline) -> Bool {
        window.advance(to: now)
        guard available >= 1 - 1e-9 else { return false }
        window.add(-1, at: now)
        return true
    }
}

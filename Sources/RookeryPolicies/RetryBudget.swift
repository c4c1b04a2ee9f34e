package import NIOCore

/// Limits the retries of a destination. Each request deposits ``ClientConfiguration/Budget/ratio``, and each retry
/// takes 1.
///
/// With the default ratio of 0.2, retries add at most a fifth to the load when everything fails. A reserve on top lets
/// rare callers retry as well. Half of the reserve is for retries of attempts that the peer did not refuse. So when a whole service
/// has refused every call for a while, calls can still leave an instance that stalls afterwards.
///
/// A token bucket over a sliding window, as in Finagle. A value: the time is a parameter.
package struct RetryBudget: Sendable {
    private let ratio: Double
    private let reserve: Double
    private var window: SlidingWindow<Double>

    /// Makes a budget without deposits.
    package init(_ configuration: ClientConfiguration.Budget = ClientConfiguration.Budget()) {
        ratio = configuration.ratio
        reserve = configuration.reservePerSecond * configuration.window.inSeconds
        window = SlidingWindow(configuration.window, slots: 10)
    }

    /// The number of retries that the budget covers now.
    package var available: Double { reserve + window.total }

    /// Makes the deposit of a request. A retry makes none.
    package mutating func requestBegan(at now: NIODeadline) {
        window.add(ratio, at: now)
    }

    /// Takes a retry. False if the budget does not cover one; then nothing changes. A retry after a refusal leaves half of the
    /// reserve.
    package mutating func withdraw(afterRefusal: Bool = false, at now: NIODeadline) -> Bool {
        window.advance(to: now)
        guard available - (afterRefusal ? reserve / 2 : 0) >= 1 - 1e-9 else { return false }
        window.add(-1, at: now)
        return true
    }
}

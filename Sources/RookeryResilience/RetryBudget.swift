public import NIOCore

/// How many retries a destination may get: each request pays in a fifth of what a retry takes out. So when
/// everything fails, the load grows by a fifth and no more, but for a reserve that lets rare callers retry as well.
///
/// A token bucket over a sliding window, as Finagle's. A value: the time is a parameter.
public struct RetryBudget: Sendable {
    /// What the budget allows.
    public struct Configuration: Sendable, Hashable {
        /// Default `.enforce`.
        public var mode = GuardMode.enforce
        /// How long a deposit counts. Default 10 s, in ten slots.
        public var window: Duration = .seconds(10)
        /// Retries per request that may go on for ever. Default 0.2.
        public var ratio = 0.2
        /// Retries a second that are allowed whatever the number of requests. Default 10.
        public var reservePerSecond = 10.0

        /// The defaults.
        public init() {}
    }

    private let ratio: Double
    private let reserve: Double
    private var window: SlidingWindow<Double>

    /// A budget into which nothing has been paid yet.
    public init(_ configuration: Configuration = Configuration()) {
        ratio = configuration.ratio
        reserve = configuration.reservePerSecond * configuration.window.inSeconds
        window = SlidingWindow(configuration.window, slots: 10)
    }

    /// Retries that could be made now.
    public var available: Double { reserve + window.total }

    /// A request, not counting its retries, has begun.
    public mutating func requestBegan(at now: NIODeadline) {
        window.add(ratio, at: now)
    }

    /// Takes out a retry; false when there is none.
    public mutating func withdraw(at now: NIODeadline) -> Bool {
        window.advance(to: now)
        guard available >= 1 - 1e-9 else { return false }
        window.add(-1, at: now)
        return true
    }
}

// What stands around a call: every guard is on by default, and can be set to only observe.

extension ClientConfiguration {
    /// Which calls are made again, and when.
    package struct Retry: Sendable, Hashable {
        /// Default `.enforce`.
        package var mode = GuardMode.enforce
        /// Attempts of one call, the first one included. Those that were never sent do not count. Default 3.
        package var maximumAttempts = 3
        /// Before attempt n + 1 the wait is anything from 0 to `baseDelay` · 2ⁿ ("full jitter"). Default 50 ms.
        package var baseDelay: Duration = .milliseconds(50)
        /// The same when the peer said that it is overloaded. Default 1000 ms.
        package var overloadedBaseDelay: Duration = .milliseconds(1000)
        /// The most that may be waited. Default 2 s.
        package var maximumDelay: Duration = .seconds(2)
        /// How long one attempt may take, if the call may be repeated and an instance is left to try. An attempt never takes
        /// more than half of the call's remaining time, so that some is left for another. Default 2 s.
        package var attemptTimeout: Duration = .seconds(2)

        package init() {}
    }

    /// What the budget allows.
    package struct Budget: Sendable, Hashable {
        /// Default `.enforce`.
        package var mode = GuardMode.enforce
        /// How long a deposit counts. Default 10 s, in ten slots.
        package var window: Duration = .seconds(10)
        /// Retries per request that may go on for ever. Default 0.2.
        package var ratio = 0.2
        /// Retries a second that are allowed whatever the number of requests. Default 10.
        package var reservePerSecond = 10.0

        package init() {}
    }

    /// When it opens, and for how long.
    package struct Breaker: Sendable, Hashable {
        /// Default `.enforce`.
        package var mode = GuardMode.enforce
        /// The time that calls are counted over. Default 10 s, in ten slots.
        package var window: Duration = .seconds(10)
        /// Fewer calls than these say nothing. Calls count when they begin. Default 20.
        package var minimumCalls = 20
        /// Opens when this share of the calls that ended had failed. Default 0.5.
        package var failureRate = 0.5
        /// Opens when this share of the calls that ended had been slow. Default 0.8.
        package var slowRate = 0.8
        /// A call is slow when it took more than this share of its time. Default 0.8.
        package var slowFraction = 0.8
        /// How long it stays open the first time, give or take a tenth. Default 5 s.
        package var openDuration: Duration = .seconds(5)
        /// It doubles with each failed probe, up to this. Default 300 s.
        package var maximumOpenDuration: Duration = .seconds(300)
        /// Calls let through, at once, to see whether it is better; all must succeed. Default 3.
        package var probes = 3

        package init() {}
    }

    /// When an instance is left out, and for how long.
    package struct Ejection: Sendable, Hashable {
        /// Default `.enforce`.
        package var mode = GuardMode.enforce
        /// Failures in a row. Default 5.
        package var consecutiveFailures = 5
        /// How long, times the number of ejections it has behind it, give or take a tenth. Default 30 s.
        package var duration: Duration = .seconds(30)
        /// The longest. Default 300 s.
        package var maximumDuration: Duration = .seconds(300)
        /// The time over which shares of success are compared, and after which a clean instance has one ejection less
        /// behind it. Default 10 s.
        package var interval: Duration = .seconds(10)
        /// Shares of success are compared from that many instances on. Default 5.
        package var minimumInstances = 5
        /// An instance with fewer calls in an interval is not compared. Default 100.
        package var minimumCalls = 100
        /// An instance is left out when its share of success is so many standard deviations below the mean; 1.9, as
        /// Envoy's.
        package var deviations = 1.9

        package init() {}
    }

    /// How long to wait before connecting again: longer after each failure, never in step with others.
    ///
    /// As gRPC's connection backoff (base 1 s, factor 1.6, jitter 20 %), but with a shorter limit.
    package struct Reconnect: Sendable, Hashable {
        /// The first wait. Default 1 s.
        package var base: Duration = .seconds(1)
        /// What each further failure multiplies it by. Default 1.6.
        package var factor = 1.6
        /// The share by which a wait may be longer or shorter. Default 0.2.
        package var jitter = 0.2
        /// The longest wait, before jitter. Default 30 s.
        package var maximum: Duration = .seconds(30)

        package init() {}
    }

    /// How an instance is chosen among those that can be.
    package enum Balancing: String, Sendable, Hashable, CaseIterable {
        /// In turn, from a random one on.
        case roundRobin = "round-robin"
        /// The one with fewer calls in flight, of two random ones.
        case leastInFlight = "least-in-flight"
        /// The one that promises the shorter wait, of two random ones: the peak of its recent latencies, times its calls.
        case peakEWMA = "peak-ewma"
    }
}

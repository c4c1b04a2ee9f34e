// The guards around a call. Every guard is on by default. Mode `observe` makes it only count and log.

extension ClientConfiguration {
    /// When the client retries a call, and how often.
    package struct Retry: Sendable, Hashable {
        /// Whether the client retries. Default `.enforce`.
        package var mode = GuardMode.enforce
        /// The most attempts of one call, the first one included. Default 3.
        ///
        /// An attempt that was not sent does not count if another instance takes its place.
        package var maximumAttempts = 3
        /// The wait before attempt n + 1 is random, from 0 to `baseDelay` · 2ⁿ ("full jitter"). Default 50 ms.
        package var baseDelay: Duration = .milliseconds(50)
        /// Replaces `baseDelay` after the refusal of an overloaded peer that does not say how long to wait. Default
        /// 1000 ms.
        package var overloadedBaseDelay: Duration = .milliseconds(1000)
        /// The longest random wait. A wait that the peer asks for may be longer. Default 2 s.
        package var maximumDelay: Duration = .seconds(2)
        /// The longest timeout of one attempt. Default 2 s.
        ///
        /// The timeout is eight times what nearly all answers to the command take, within the two bounds. Applies only if the call may be repeated, another instance is available, and the retry budget covers a
        /// retry. The timeout is then at most half of the call's remaining time, so that another attempt has time left.
        package var attemptTimeout: Duration = .seconds(2)
        /// The shortest timeout of one attempt. Default 250 ms.
        package var minimumAttemptTimeout: Duration = .milliseconds(250)

        package init() {}
    }

    /// How many retries a destination may get: in each `window`, `ratio` per request plus the reserve.
    package struct Budget: Sendable, Hashable {
        /// Whether a used-up budget prevents retries. Default `.enforce`.
        package var mode = GuardMode.enforce
        /// How long requests and retries count, in ten slots. Default 10 s.
        package var window: Duration = .seconds(10)
        /// The retries that each request pays for, from 0 to 1000. Default 0.2.
        package var ratio = 0.2
        /// The retries per second that need no requests to pay for them, from 0 to 1000. Default 10.
        package var reservePerSecond = 10.0

        package init() {}
    }

    /// When a circuit breaker opens, and for how long.
    package struct Breaker: Sendable, Hashable {
        /// Whether an open breaker refuses calls. Default `.enforce`.
        package var mode = GuardMode.enforce
        /// How long a call counts, in ten slots. Default 10 s.
        package var window: Duration = .seconds(10)
        /// The breaker stays closed until this many calls have started in the window. Default 20.
        package var minimumCalls = 20
        /// The breaker opens when this share of the ended calls failed, above 0 and at most 1. Default 0.5.
        package var failureRate = 0.5
        /// The breaker opens when this share of the ended calls was slow or failed, above 0 and at most 1. Default 0.8.
        ///
        /// At least one of the calls must have been slow.
        package var slowRate = 0.8
        /// A call is slow when its answer took more than this share of its time, above 0 and at most 1. Default 0.8.
        package var slowFraction = 0.8
        /// How long the breaker stays open the first time, ±10 %. Default 5 s.
        package var openDuration: Duration = .seconds(5)
        /// The open time doubles with each failed probe, up to this, ±10 %. Default 300 s.
        package var maximumOpenDuration: Duration = .seconds(300)
        /// How many calls test whether the destination works again. All must succeed to close the breaker. Default 3.
        package var probes = 3

        package init() {}
    }

    /// When an instance is ejected from load balancing, and for how long.
    package struct Ejection: Sendable, Hashable {
        /// Whether calls avoid ejected instances. Default `.enforce`.
        package var mode = GuardMode.enforce
        /// This many failures in a row eject an instance. Default 5.
        package var consecutiveFailures = 5
        /// The length of the first ejection. The nth ejection takes n times as long, ±10 %. Default 30 s.
        package var duration: Duration = .seconds(30)
        /// The longest ejection, ±10 %. Default 300 s.
        package var maximumDuration: Duration = .seconds(300)
        /// How often one call that may be repeated elsewhere tests an instance that failures in a row ejected. If the instance
        /// answers, its ejection ends. Default 1 s.
        package var testInterval: Duration = .seconds(1)
        /// How often the client compares the success rates of the instances. Default 10 s.
        ///
        /// An interval without a failure reduces an instance's count of ejections by one.
        package var interval: Duration = .seconds(10)
        /// The client compares success rates if at least this many instances have one. Default 5.
        package var minimumInstances = 5
        /// An instance has a success rate if at least this many of its calls ended in the interval. Default 100.
        package var minimumCalls = 100
        /// The client ejects an instance whose success rate is more than this many standard deviations below the mean.
        ///
        /// Above 0. Default 1.9, as in Envoy.
        package var deviations = 1.9

        package init() {}
    }

    /// How long an unreachable instance backs off before the client connects to it again.
    ///
    /// The wait grows with each failure. Jitter keeps clients from connecting at the same moment. As gRPC's connection
    /// backoff (base 1 s, factor 1.6, jitter 20 %), but with a shorter limit.
    package struct Reconnect: Sendable, Hashable {
        /// The wait after the first failure. Default 1 s.
        package var base: Duration = .seconds(1)
        /// Each further failure multiplies the wait by this factor, at least 1. Default 1.6.
        package var factor = 1.6
        /// The share by which a wait may be longer or shorter, from 0 to below 1. Default 0.2.
        package var jitter = 0.2
        /// The longest wait, before jitter. Default 30 s.
        package var maximum: Duration = .seconds(30)

        package init() {}
    }

    /// How the client chooses one of the available instances.
    package enum Balancing: String, Sendable, Hashable, CaseIterable {
        /// One instance after the other. Starts at a random one.
        case roundRobin = "round-robin"
        /// Of two random instances, the one with fewer attempts in flight.
        case leastInFlight = "least-in-flight"
        /// Of two random instances, the one with the shorter expected wait: its latency, as
        /// ``PeakEWMA`` gives it, times its attempts in flight plus one.
        case peakEWMA = "peak-ewma"
    }
}

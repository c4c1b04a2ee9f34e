public import NIOCore

/// Leaves out an instance that fails again and again, for a while. A value: time and randomness are parameters.
public struct Ejection: Sendable {
    /// When an instance is left out, and for how long.
    public struct Configuration: Sendable, Hashable {
        /// Default `.enforce`.
        public var mode = GuardMode.enforce
        /// Failures in a row. Default 5.
        public var consecutiveFailures = 5
        /// How long, times the number of ejections it has behind it, give or take a tenth. Default 30 s.
        public var duration: Duration = .seconds(30)
        /// The longest. Default 300 s.
        public var maximumDuration: Duration = .seconds(300)
        /// The time over which shares of success are compared, and after which a clean instance has one ejection less
        /// behind it. Default 10 s.
        public var interval: Duration = .seconds(10)
        /// Shares of success are compared from that many instances on. Default 5.
        public var minimumInstances = 5
        /// An instance with fewer calls in an interval is not compared. Default 100.
        public var minimumCalls = 100
        /// An instance is left out when its share of success is so many standard deviations below the mean; 1.9, as
        /// Envoy's.
        public var deviations = 1.9

        /// The defaults.
        public init() {}
    }

    private let configuration: Configuration
    private var consecutive = 0
    /// Ejections it has behind it.
    public private(set) var ejections = 0
    private var until: NIODeadline?
    private var hasFailed = false
    /// Calls, and those that succeeded, in this interval.
    public private(set) var calls = 0
    private var succeeded = 0

    /// An instance in good standing.
    public init(_ configuration: Configuration) { self.configuration = configuration }

    /// Whether it is left out.
    public func isEjected(at now: NIODeadline) -> Bool { until.map { now < $0 } ?? false }

    /// The share of success of this interval; nil with too few calls to say.
    public var successRate: Double? {
        calls >= configuration.minimumCalls ? Double(succeeded) / Double(calls) : nil
    }

    /// A call ended; gives how long the instance is now left out, if it is because of this.
    public mutating func callEnded(success: Bool, at now: NIODeadline, random: () -> Double) -> Duration? {
        calls += 1
        if success {
            succeeded += 1
            consecutive = 0
            return nil
        }
        hasFailed = true
        consecutive += 1
        guard consecutive >= configuration.consecutiveFailures, !isEjected(at: now) else { return nil }
        return eject(at: now, random: random)
    }

    /// Leaves it out.
    public mutating func eject(at now: NIODeadline, random: () -> Double) -> Duration {
        consecutive = 0
        ejections += 1
        let seconds = min(
            configuration.duration.inSeconds * Double(ejections), configuration.maximumDuration.inSeconds)
        let duration = Duration.nanoseconds(Int64(seconds * (0.9 + 0.2 * random()) * 1e9))
        until = now + duration
        return duration
    }

    /// An interval is over.
    public mutating func intervalEnded(at now: NIODeadline) {
        if !hasFailed, !isEjected(at: now), ejections > 0 { ejections -= 1 }
        hasFailed = false
        calls = 0
        succeeded = 0
    }

    /// The share of success below which an instance stands out; nil when there are too few to compare.
    public static func threshold(of rates: [Double], _ configuration: Configuration) -> Double? {
        guard rates.count >= configuration.minimumInstances else { return nil }
        let mean = rates.reduce(0, +) / Double(rates.count)
        let variance = rates.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(rates.count)
        return mean - configuration.deviations * variance.squareRoot()
    }
}

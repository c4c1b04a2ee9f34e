package import NIOCore

/// Leaves out an instance that fails again and again, for a while. A value: time and randomness are parameters.
package struct Ejection: Sendable {
    private let configuration: ClientConfiguration.Ejection
    private var consecutive = 0
    /// Ejections it has behind it.
    package private(set) var ejections = 0
    private var until: NIODeadline?
    private var hasFailed = false
    /// Calls, and those that succeeded, in this interval.
    package private(set) var calls = 0
    private var succeeded = 0

    /// An instance in good standing.
    package init(_ configuration: ClientConfiguration.Ejection) { self.configuration = configuration }

    /// Whether it is left out.
    package func isEjected(at now: NIODeadline) -> Bool { until.map { now < $0 } ?? false }

    /// The share of success of this interval; nil with too few calls to say.
    package var successRate: Double? {
        calls >= configuration.minimumCalls ? Double(succeeded) / Double(calls) : nil
    }

    /// A call ended; gives how long the instance is now left out, if it is because of this.
    package mutating func callEnded(success: Bool, at now: NIODeadline, random: () -> Double) -> Duration? {
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
    package mutating func eject(at now: NIODeadline, random: () -> Double) -> Duration {
        consecutive = 0
        ejections += 1
        let seconds = min(
            configuration.duration.inSeconds * Double(ejections), configuration.maximumDuration.inSeconds)
        let duration = Duration.nanoseconds(Int64(seconds * (0.9 + 0.2 * random()) * 1e9))
        until = now + duration
        return duration
    }

    /// An interval is over.
    package mutating func intervalEnded(at now: NIODeadline) {
        if !hasFailed, !isEjected(at: now), ejections > 0 { ejections -= 1 }
        hasFailed = false
        calls = 0
        succeeded = 0
    }

    /// The share of success below which an instance stands out; nil when there are too few to compare.
    package static func threshold(of rates: [Double], _ configuration: ClientConfiguration.Ejection) -> Double? {
        guard rates.count >= configuration.minimumInstances else { return nil }
        let mean = rates.reduce(0, +) / Double(rates.count)
        let variance = rates.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(rates.count)
        return mean - configuration.deviations * variance.squareRoot()
    }
}

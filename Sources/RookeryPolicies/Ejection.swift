package import NIOCore

/// Ejects one instance from load balancing, for a limited time, when it fails again and again.
///
/// A value: time and randomness are parameters.
package struct Ejection: Sendable {
    private let configuration: ClientConfiguration.Ejection
    private var consecutive = 0
    /// The number of ejections so far. An interval without a failure reduces it by one.
    package private(set) var ejections = 0
    private var until: NIODeadline?
    /// When the next call may test whether the instance answers again. Nil unless failures in a row ejected it.
    private var nextTest: NIODeadline?
    private var hasFailed = false
    /// The calls that ended in this interval.
    package private(set) var calls = 0
    private var succeeded = 0

    /// Makes the state of an instance that has not failed.
    package init(_ configuration: ClientConfiguration.Ejection) { self.configuration = configuration }

    /// Whether the instance is ejected.
    package func isEjected(at now: NIODeadline) -> Bool { until.map { now < $0 } ?? false }

    /// How long the instance stays ejected. Nil if it is not.
    package func timeLeft(at now: NIODeadline) -> Duration? { until.flatMap { now < $0 ? $0.since(now) : nil } }

    /// The share of this interval's calls that succeeded. Nil with fewer than `minimumCalls` calls.
    package var successRate: Double? {
        calls >= configuration.minimumCalls ? Double(succeeded) / Double(calls) : nil
    }

    /// Records the end of a call. Returns the length of the ejection that it causes, or nil if it causes none.
    ///
    /// `random` returns numbers from 0 to 1.
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
        defer { nextTest = now + configuration.testInterval }
        return eject(at: now, random: random)
    }

    /// Whether a call may test the instance now. Instances with a low success rate are not tested, because one success means
    /// little there.
    package func mayBeTested(at now: NIODeadline) -> Bool {
        isEjected(at: now) && (nextTest.map { now >= $0 } ?? false)
    }

    /// Begins a test. The next one may begin after `testInterval`.
    package mutating func testBegan(at now: NIODeadline) { nextTest = now + configuration.testInterval }

    /// Ends the ejection, because the instance answered a test. The next ejection is the longer for this one all the same.
    package mutating func testSucceeded() {
        consecutive = 0
        until = nil
        nextTest = nil
    }

    /// Ejects the instance. Returns for how long: `duration` times the number of ejections, at most `maximumDuration`,
    /// ±10 %.
    package mutating func eject(at now: NIODeadline, random: () -> Double) -> Duration {
        consecutive = 0
        nextTest = nil
        ejections += 1
        let seconds = min(
            configuration.duration.inSeconds * Double(ejections), configuration.maximumDuration.inSeconds)
        let duration = Duration.nanoseconds(Int64(seconds * (0.9 + 0.2 * random()) * 1e9))
        until = now + duration
        return duration
    }

    /// Starts the next interval: clears the counts of calls. Reduces ``ejections`` after an interval without a failure.
    package mutating func intervalEnded(at now: NIODeadline) {
        if !hasFailed, !isEjected(at: now), ejections > 0 { ejections -= 1 }
        hasFailed = false
        calls = 0
        succeeded = 0
    }

    /// The success rate below which an instance is ejected: the mean minus `deviations` standard deviations.
    ///
    /// Nil with fewer than `minimumInstances` rates.
    package static func threshold(of rates: [Double], _ configuration: ClientConfiguration.Ejection) -> Double? {
        guard rates.count >= configuration.minimumInstances else { return nil }
        let mean = rates.reduce(0, +) / Double(rates.count)
        let variance = rates.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(rates.count)
        return mean - configuration.deviations * variance.squareRoot()
    }
}

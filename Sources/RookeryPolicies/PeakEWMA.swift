package import NIOCore

/// A moving average of an instance's latencies. It rises at once and falls slowly.
///
/// As Finagle's peak EWMA: a latency above the average replaces it. The weight of a lower latency grows with the time
/// since the last one.
package struct PeakEWMA: Sendable, Hashable {
    private let decay: Double
    private var seconds: Double
    private var at: NIODeadline?

    /// Makes an average without samples. `decay` is the time constant with which it falls. Default 10 s.
    package init(decay: Duration = .seconds(10)) {
        self.decay = max(1e-6, decay.inSeconds)
        seconds = 0
    }

    /// Adds the latency of an answer.
    package mutating func observed(_ latency: Duration, at now: NIODeadline) {
        let sample = latency.inSeconds
        let passed = at.map { now.since($0).inSeconds } ?? .infinity
        at = max(at ?? now, now)
        if sample > seconds {
            seconds = sample
        } else {
            let weight = passed.isFinite ? Double.exponential(-passed / decay) : 0
            seconds = seconds * weight + sample * (1 - weight)
        }
    }

    /// The average at a time, in seconds. 0 before the first sample. Falls while no samples arrive.
    package func value(at now: NIODeadline) -> Double {
        guard let at else { return seconds }
        return seconds * Double.exponential(-now.since(at).inSeconds / decay)
    }
}

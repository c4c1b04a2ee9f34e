package import NIOCore

/// How long an instance's answers took lately: rises at once, falls slowly.
///
/// As Finagle's peak EWMA: a slow answer counts in full, a fast one by how long ago the last one was.
package struct PeakEWMA: Sendable, Hashable {
    private let decay: Double
    private var seconds: Double
    private var at: NIODeadline?

    /// Forgets with a time constant of `decay`; nothing is known yet. Default 10 s.
    package init(decay: Duration = .seconds(10)) {
        self.decay = max(1e-6, decay.inSeconds)
        seconds = 0
    }

    /// An answer took that long.
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

    /// What it stands at now, in seconds.
    package func value(at now: NIODeadline) -> Double {
        guard let at else { return seconds }
        return seconds * Double.exponential(-now.since(at).inSeconds / decay)
    }
}

package import NIOCore
package import RookeryCore

/// Limits how many messages may be handled at once, and adapts the limit to their latencies.
///
/// Works as Netflix's gradient limit. When latencies rise above the shortest one seen, the limit falls in proportion.
/// In each window it also grows by its square root, to test whether there is more room. The limit starts low. It
/// doubles while it is used and latencies do not rise, as in TCP's slow start (RFC 5681, 3.1).
///
/// A value: the time is a parameter.
package struct AdaptiveLimit: Sendable {
    private let configuration: Shedding
    /// The current limit, not rounded.
    package private(set) var limit: Double
    private var windowEnd: NIODeadline?
    private var sum = 0.0
    private var samples = 0
    private var shortestOfWindow = Double.infinity
    private var mostInFlight = 0
    private var shortest = Double.infinity
    private var forgetAt: NIODeadline?
    /// Whether slow start goes on: latencies have not risen yet.
    package private(set) var isStarting = true
    /// While the shortest latency is measured again: the limit before the measurement, and its start.
    private var measuring: (limit: Double, since: NIODeadline)?

    /// Makes a limit at ``Shedding/initial``, in slow start.
    package init(_ configuration: Shedding = Shedding()) {
        self.configuration = configuration
        limit = Double(configuration.initial)
    }

    /// Another message of this criticality may start while fewer messages than this are in flight. At least 1.
    ///
    /// Sheddable messages may fill three quarters of the limit, ordinary ones nine tenths, critical ones all of it.
    package func room(for criticality: Criticality) -> Int {
        let share =
            switch criticality {
            case .critical: 1.0
            case .default: 0.9
            case .sheddable: 0.75
            }
        return max(1, Int(limit * share))
    }

    /// Records the latency of a handled message. `inFlight` includes this message.
    ///
    /// A failed message may have ended early. Its latency counts towards the mean if it is above the shortest one, and
    /// never as the shortest one.
    package mutating func handled(
        in latency: Duration, hasFailed: Bool = false, inFlight: Int, at now: NIODeadline
    ) {
        // A message that started before the limit fell measured the old queue.
        if let measuring, now.since(measuring.since) < latency { return adaptIfDue(at: now) }
        let seconds = max(latency.inSeconds, configuration.floor.inSeconds)
        if hasFailed, seconds <= shortest { return adaptIfDue(at: now) }
        sum += seconds
        samples += 1
        if !hasFailed { shortestOfWindow = min(shortestOfWindow, seconds) }
        mostInFlight = max(mostInFlight, inFlight)
        adaptIfDue(at: now)
    }

    /// Records that messages wait while `inFlight` messages are being handled.
    ///
    /// During slow start, the limit doubles after each window in which no message finished. Without a finished message,
    /// nothing shows that too many are in flight: their handlers may just take long.
    package mutating func pressed(inFlight: Int, at now: NIODeadline) {
        guard isStarting, measuring == nil else { return }
        guard let end = windowEnd else { return adaptIfDue(at: now) }
        guard now >= end, samples == 0, Double(inFlight) >= limit / 2 else { return }
        limit = min(Double(configuration.maximum), 2 * limit)
        nextWindow(from: now)
    }

    private mutating func adaptIfDue(at now: NIODeadline) {
        guard let end = windowEnd else {
            windowEnd = now + configuration.window
            forgetAt = now + configuration.memory
            return
        }
        if now >= end { adapt(at: now) }
    }

    /// A window lasts until it has so many samples, because fewer say little.
    private static let minimumSamples = 5
    /// The longest measurement of the shortest latency, in windows.
    private static let longestMeasuring = 10.0

    private mutating func adapt(at now: NIODeadline) {
        if let measuring {
            let took = now.since(measuring.since).inSeconds / max(1e-9, configuration.window.inSeconds)
            guard samples >= Self.minimumSamples || took >= Self.longestMeasuring else { return }
            if samples > 0 { shortest = shortestOfWindow }
            limit = measuring.limit
            self.measuring = nil
            return nextWindow(from: now)
        }
        guard samples >= Self.minimumSamples else { return }
        defer { nextWindow(from: now) }
        if let forgetAt, now >= forgetAt {
            self.forgetAt = now + configuration.memory
            if mostInFlight > configuration.minimum {
                // Under load a queue hides the shortest latency, so the limit falls for a moment.
                measuring = (limit, now)
                limit = Double(configuration.minimum)
                return
            }
            shortest = .infinity
        }
        shortest = min(shortest, shortestOfWindow)
        let gradient = min(1, max(0.5, configuration.tolerance * shortest / (sum / Double(samples))))
        if gradient < 1 { isStarting = false }
        let target = isStarting ? 2 * limit : gradient * limit + limit.squareRoot()
        // A limit that was not reached says nothing about a higher one.
        if target > limit, Double(mostInFlight) < limit / 2 { return }
        limit = min(Double(configuration.maximum), max(Double(configuration.minimum), target))
    }

    private mutating func nextWindow(from now: NIODeadline) {
        windowEnd = now + configuration.window
        sum = 0
        samples = 0
        shortestOfWindow = .infinity
        mostInFlight = 0
    }
}

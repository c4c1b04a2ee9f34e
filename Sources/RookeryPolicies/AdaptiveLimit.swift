package import NIOCore
package import RookeryCore

/// How many messages may be handled at once, found out from how long they take.
///
/// As Netflix's gradient limit: when latencies rise above the shortest ones seen, the limit falls in proportion, and it
/// always reaches out a little, by the square root of itself, to see whether there is more room. It begins low and doubles
/// while it is used and latencies do not rise, as TCP's slow start (RFC 5681, 3.1).
///
/// A value: the time is a parameter.
package struct AdaptiveLimit: Sendable {
    private let configuration: Shedding
    /// The limit, with its fraction.
    package private(set) var limit: Double
    private var windowEnd: NIODeadline?
    private var sum = 0.0
    private var samples = 0
    private var shortestOfWindow = Double.infinity
    private var mostInFlight = 0
    private var shortest = Double.infinity
    private var forgetAt: NIODeadline?
    /// Whether the limit has not been found yet.
    package private(set) var isStarting = true
    /// While the shortest latency is found out anew: the limit before that, and since when.
    private var measuring: (limit: Double, since: NIODeadline)?

    /// A limit at its beginning.
    package init(_ configuration: Shedding = Shedding()) {
        self.configuration = configuration
        limit = Double(configuration.initial)
    }

    /// How many messages may be handled for one more of this kind to begin: sheddable ones may fill three quarters of the
    /// limit, ordinary ones nine tenths, critical ones all of it.
    package func room(for criticality: Criticality) -> Int {
        let share =
            switch criticality {
            case .critical: 1.0
            case .default: 0.9
            case .sheddable: 0.75
            }
        return max(1, Int(limit * share))
    }

    /// A message was handled in that time; `inFlight` counts it and those that are still being handled. One that failed may
    /// have been cut short: it only says how long it took, not how short that can be.
    package mutating func handled(
        in latency: Duration, hasFailed: Bool = false, inFlight: Int, at now: NIODeadline
    ) {
        // What began before the limit fell tells of the queue that was there then.
        if let measuring, now.since(measuring.since) < latency { return adaptIfDue(at: now) }
        let seconds = max(latency.inSeconds, configuration.floor.inSeconds)
        if hasFailed, seconds <= shortest { return adaptIfDue(at: now) }
        sum += seconds
        samples += 1
        if !hasFailed { shortestOfWindow = min(shortestOfWindow, seconds) }
        mostInFlight = max(mostInFlight, inFlight)
        adaptIfDue(at: now)
    }

    /// Messages wait while `inFlight` are being handled. As long as the limit has not been found, and none of them is done,
    /// nothing says that they are too many: they may just take long. Then the limit doubles each window.
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

    /// Few messages say little about all: a window lasts until there are so many.
    private static let minimumSamples = 5
    /// The shortest latency is measured for no longer than that, in windows.
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
                // Under load nothing short can be seen: for a moment little is let in.
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
        // What was not reached has not been tried, and says nothing about more.
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

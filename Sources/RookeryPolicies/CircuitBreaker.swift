package import NIOCore

/// Decides whether a destination, or an instance, may be called at all.
///
/// From `closed` to `open` when too many calls failed or were slow; from `open` to `halfOpen` when its time is over; from
/// `halfOpen` to `closed` when all probes succeeded, or back to `open`, for twice as long, when one failed. `isolate()`
/// leads to `isolated` from anywhere, `reset()` to `closed`.
///
/// A value: time and randomness are parameters.
package struct CircuitBreaker: Sendable {
    /// How a call ended, as far as its destination is to blame.
    package enum Outcome: Sendable, Hashable {
        /// It answered, be it with a refusal.
        case success
        /// It answered, but late.
        case slow
        /// It did not answer, or with a failure of its own.
        case failure
        /// Unknown: the caller left, or the call never got there. Counts for nothing.
        case unknown
    }

    /// What is shown of it.
    package enum Position: String, Sendable, Hashable {
        /// Calls go through.
        case closed
        /// Calls are refused.
        case open
        /// A few calls go through.
        case halfOpen = "half_open"
        /// Calls are refused until it is reset.
        case isolated
    }

    /// A change of position, for logs.
    package struct Transition: Sendable, Hashable {
        /// Before.
        package let from: Position
        /// After.
        package let to: Position
        /// Why, in words.
        package let reason: String
    }

    /// What the caller got, to be handed back when the call has ended.
    package struct Ticket: Sendable, Hashable {
        fileprivate let period: UInt64
        fileprivate let isProbe: Bool
    }

    /// The answer to a call that wants to begin.
    package enum Admission: Sendable, Hashable {
        /// It may.
        case allowed(Ticket)
        /// It may not; in that time it might.
        case refused(retryAfter: Duration)
    }

    fileprivate struct Counts: AdditiveArithmetic, Sendable {
        var began = 0
        var ended = 0
        var failed = 0
        var slow = 0

        static let zero = Counts()
        static func + (left: Counts, right: Counts) -> Counts {
            Counts(
                began: left.began + right.began, ended: left.ended + right.ended, failed: left.failed + right.failed,
                slow: left.slow + right.slow)
        }
        static func - (left: Counts, right: Counts) -> Counts {
            Counts(
                began: left.began - right.began, ended: left.ended - right.ended, failed: left.failed - right.failed,
                slow: left.slow - right.slow)
        }
    }

    private enum State: Sendable {
        case closed
        case open(until: NIODeadline)
        /// Probes that are out, and how many came back well.
        case halfOpen(out: Int, succeeded: Int)
        case isolated
    }

    private let configuration: ClientConfiguration.Breaker
    private var state = State.closed
    private var window: SlidingWindow<Counts>
    /// Which stay in a state this is: a ticket of an earlier one says nothing about now.
    private var period: UInt64 = 0
    /// Times it opened without closing in between.
    private var openings = 0

    /// A closed breaker.
    package init(_ configuration: ClientConfiguration.Breaker = ClientConfiguration.Breaker()) {
        self.configuration = configuration
        window = SlidingWindow(configuration.window, slots: 10)
    }

    /// Whether a call would be let through now.
    package func admits(at now: NIODeadline) -> Bool {
        switch state {
        case .closed: true
        case .open(let until): now >= until
        case .halfOpen(let out, let succeeded): out + succeeded < configuration.probes
        case .isolated: false
        }
    }

    /// Where it stands; one whose time is over is still open until a call comes.
    package var position: Position {
        switch state {
        case .closed: .closed
        case .open: .open
        case .halfOpen: .halfOpen
        case .isolated: .isolated
        }
    }

    /// Probes that are out.
    package var probesOut: Int { if case .halfOpen(let out, _) = state { out } else { 0 } }

    /// A call wants to begin.
    package mutating func callBegan(at now: NIODeadline) -> (admission: Admission, transition: Transition?) {
        switch state {
        case .closed:
            window.add(Counts(began: 1), at: now)
            return (.allowed(Ticket(period: period, isProbe: false)), nil)
        case .isolated:
            return (.refused(retryAfter: configuration.maximumOpenDuration), nil)
        case .open(let until):
            guard now >= until else { return (.refused(retryAfter: until.since(now)), nil) }
            enter(.halfOpen(out: 1, succeeded: 0))
            let transition = Transition(from: .open, to: .halfOpen, reason: "its time is over")
            return (.allowed(Ticket(period: period, isProbe: true)), transition)
        case .halfOpen(let out, let succeeded):
            guard out + succeeded < configuration.probes else {
                // How long the probes take is unknown; a tenth of the shortest time open is soon enough.
                return (.refused(retryAfter: configuration.openDuration / 10), nil)
            }
            state = .halfOpen(out: out + 1, succeeded: succeeded)
            return (.allowed(Ticket(period: period, isProbe: true)), nil)
        }
    }

    /// A call that was allowed has ended; `random` gives numbers from 0 to 1. One that began before the last change of position is
    /// ignored.
    package mutating func callEnded(
        _ outcome: Outcome, _ ticket: Ticket, at now: NIODeadline, random: () -> Double
    ) -> Transition? {
        guard ticket.period == period else { return nil }
        switch state {
        case .closed: return closedCallEnded(outcome, at: now, random: random)
        case .halfOpen(let out, let succeeded): return probeEnded(outcome, out, succeeded, at: now, random: random)
        case .open, .isolated: return nil
        }
    }

    private mutating func closedCallEnded(_ outcome: Outcome, at now: NIODeadline, random: () -> Double) -> Transition?
    {
        switch outcome {
        case .unknown:
            // As if it had not begun; its slot may be gone, and then there is nothing to take back.
            if window.total.began > window.total.ended { window.add(Counts(began: -1), at: now) }
            return nil
        case .success:
            // Good news opens nothing, however bad what came before was.
            window.add(Counts(ended: 1), at: now)
            return nil
        case .slow: window.add(Counts(ended: 1, slow: 1), at: now)
        case .failure: window.add(Counts(ended: 1, failed: 1), at: now)
        }
        let counts = window.total
        let minimum = Double(configuration.minimumCalls)
        guard max(counts.began, counts.ended) >= configuration.minimumCalls else { return nil }
        // Of calls that have begun in numbers it is enough that the share of the fewest that count has failed: the breaker
        // is not blind until they have all come back.
        func isTooMany(_ count: Int, _ rate: Double) -> Bool {
            Double(count) >= rate * Double(counts.ended) && Double(count) >= rate * minimum
        }
        if isTooMany(counts.failed, configuration.failureRate) {
            return open(at: now, random: random, "\(counts.failed) of \(counts.ended) calls failed")
        }
        if isTooMany(counts.slow + counts.failed, configuration.slowRate), counts.slow > 0 {
            return open(
                at: now, random: random, "\(counts.slow + counts.failed) of \(counts.ended) calls were slow or failed")
        }
        return nil
    }

    private mutating func probeEnded(
        _ outcome: Outcome, _ out: Int, _ succeeded: Int, at now: NIODeadline, random: () -> Double
    ) -> Transition? {
        switch outcome {
        case .unknown:
            state = .halfOpen(out: out - 1, succeeded: succeeded)
            return nil
        case .failure, .slow:
            return open(at: now, random: random, "a probe failed")
        case .success:
            guard succeeded + 1 >= configuration.probes else {
                state = .halfOpen(out: out - 1, succeeded: succeeded + 1)
                return nil
            }
            openings = 0
            window.clear()
            enter(.closed)
            return Transition(from: .halfOpen, to: .closed, reason: "\(configuration.probes) probes succeeded")
        }
    }

    private mutating func open(at now: NIODeadline, random: () -> Double, _ reason: String) -> Transition {
        let from = position
        let doubled =
            configuration.openDuration.inSeconds * Double(sign: .plus, exponent: min(openings, 30), significand: 1)
        let seconds = min(doubled, configuration.maximumOpenDuration.inSeconds) * (0.9 + 0.2 * random())
        openings += 1
        window.clear()
        enter(.open(until: now + .nanoseconds(Int64(seconds * 1e9))))
        return Transition(from: from, to: .open, reason: reason)
    }

    private mutating func enter(_ state: State) {
        self.state = state
        period &+= 1
    }

    /// Refuses every call until ``reset()``.
    package mutating func isolate() -> Transition? {
        if case .isolated = state { return nil }
        let from = position
        enter(.isolated)
        return Transition(from: from, to: .isolated, reason: "isolated by hand")
    }

    /// Forgets everything and lets calls through.
    package mutating func reset() -> Transition? {
        let from = position
        openings = 0
        window.clear()
        enter(.closed)
        return from == .closed ? nil : Transition(from: from, to: .closed, reason: "reset by hand")
    }
}

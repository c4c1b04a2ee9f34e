package import NIOCore

/// Decides whether calls to a destination, or to one of its instances, may start.
///
/// - `closed` to `open`: too many calls failed or were slow.
/// - `open` to `halfOpen`: the open time is over and a call arrives. This call is the first probe.
/// - `halfOpen` to `closed`: all probes succeeded.
/// - `halfOpen` to `open`: a probe failed or was slow. The open time doubles, up to a maximum.
/// - any position to `isolated`: ``isolate()``.
/// - any position to `closed`: ``reset()``.
///
/// A value: time and randomness are parameters.
package struct CircuitBreaker: Sendable {
    /// How a call ended, as the breaker counts it.
    package enum Outcome: Sendable, Hashable {
        /// The destination answered in time. A refusal by the command itself is an answer.
        case success
        /// The destination answered late: after ``ClientConfiguration/Breaker/slowFraction`` of the call's time.
        case slow
        /// The destination did not answer, or reported a failure of its own.
        case failure
        /// The call says nothing about the destination, for example because the caller cancelled it. Does not count.
        case unknown
    }

    /// The breaker's state, as status reports and logs show it.
    package enum Position: String, Sendable, Hashable {
        /// The breaker admits calls.
        case closed
        /// The breaker refuses calls until its open time is over.
        case open
        /// The breaker admits at most ``ClientConfiguration/Breaker/probes`` calls.
        case halfOpen = "half_open"
        /// The breaker refuses calls until ``CircuitBreaker/reset()``.
        case isolated
    }

    /// A change of position, for logs.
    package struct Transition: Sendable, Hashable {
        /// The position before the change.
        package let from: Position
        /// The position after the change.
        package let to: Position
        /// The reason, as text for logs.
        package let reason: String
    }

    /// Identifies an admitted call. Pass it to ``callEnded(_:_:at:random:)`` when the call has ended.
    package struct Ticket: Sendable, Hashable {
        fileprivate let period: UInt64
        fileprivate let isProbe: Bool
    }

    /// Whether a call may start.
    package enum Admission: Sendable, Hashable {
        /// The call may start.
        case allowed(Ticket)
        /// The call may not start. After `retryAfter` the breaker may admit a call again.
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
        /// `out` probes are in flight, and `succeeded` probes have succeeded.
        case halfOpen(out: Int, succeeded: Int)
        case isolated
    }

    private let configuration: ClientConfiguration.Breaker
    private var state = State.closed
    private var window: SlidingWindow<Counts>
    /// Counts the changes of state. The breaker ignores calls with a ticket of an earlier period.
    private var period: UInt64 = 0
    /// How many times the breaker opened since it was last closed.
    private var openings = 0

    /// Makes a closed breaker.
    package init(_ configuration: ClientConfiguration.Breaker = ClientConfiguration.Breaker()) {
        self.configuration = configuration
        window = SlidingWindow(configuration.window, slots: 10)
    }

    /// Whether the breaker would admit a call now. Changes nothing.
    package func admits(at now: NIODeadline) -> Bool {
        switch state {
        case .closed: true
        case .open(let until): now >= until
        case .halfOpen(let out, let succeeded): out + succeeded < configuration.probes
        case .isolated: false
        }
    }

    /// The current position. A breaker whose open time is over stays `open` until the next call arrives.
    package var position: Position {
        switch state {
        case .closed: .closed
        case .open: .open
        case .halfOpen: .halfOpen
        case .isolated: .isolated
        }
    }

    /// How long an open breaker refuses calls yet: 0 if the next call is a probe. Nil for one that is not open.
    package func timeUntilProbe(at now: NIODeadline) -> Duration? {
        if case .open(let until) = state { max(.zero, until.since(now)) } else { nil }
    }

    /// Probes in flight.
    package var probesOut: Int { if case .halfOpen(let out, _) = state { out } else { 0 } }

    /// Admits or refuses a call.
    ///
    /// A refusal says when to try again. While open, that is the rest of the open time. While half-open, it is a tenth
    /// of `openDuration`. While isolated, it is `maximumOpenDuration`.
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
            let transition = Transition(from: .open, to: .halfOpen, reason: "the open time is over")
            return (.allowed(Ticket(period: period, isProbe: true)), transition)
        case .halfOpen(let out, let succeeded):
            guard out + succeeded < configuration.probes else {
                // How long the probes take is unknown. A tenth of the shortest open time is soon enough.
                return (.refused(retryAfter: configuration.openDuration / 10), nil)
            }
            state = .halfOpen(out: out + 1, succeeded: succeeded)
            return (.allowed(Ticket(period: period, isProbe: true)), nil)
        }
    }

    /// Records the end of an admitted call. Ignores a call that started before the last change of position.
    ///
    /// `random` returns numbers from 0 to 1, for the jitter of the open time.
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
            // Takes the start back. If the slot of the start has left the window, nothing is left to take back.
            if window.total.began > window.total.ended { window.add(Counts(began: -1), at: now) }
            return nil
        case .success:
            // A success never opens the breaker, whatever the rates are.
            window.add(Counts(ended: 1), at: now)
            return nil
        case .slow: window.add(Counts(ended: 1, slow: 1), at: now)
        case .failure: window.add(Counts(ended: 1, failed: 1), at: now)
        }
        let counts = window.total
        let minimum = Double(configuration.minimumCalls)
        guard max(counts.began, counts.ended) >= configuration.minimumCalls else { return nil }
        // Once `minimumCalls` have started, `failureRate · minimumCalls` failures open the breaker, even if the other
        // calls have not returned yet. They must also be a `failureRate` share of the calls that have ended.
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

    /// Refuses every call until ``reset()``. Returns nil if the breaker is isolated already.
    package mutating func isolate() -> Transition? {
        if case .isolated = state { return nil }
        let from = position
        enter(.isolated)
        return Transition(from: from, to: .isolated, reason: "isolated by hand")
    }

    /// Closes the breaker and clears its counts. Returns nil if it was closed already.
    package mutating func reset() -> Transition? {
        let from = position
        openings = 0
        window.clear()
        enter(.closed)
        return from == .closed ? nil : Transition(from: from, to: .closed, reason: "reset by hand")
    }
}

/// Limits the requests in flight on one event loop while the loop is overloaded.
///
/// Without overload there is no limit. Requests that wait for a stalled service are not overload, nor is a short burst.
/// The loop is overloaded when all of this holds for ``patience``:
///
/// - The loop's timers fire late, by at least ``lateness``, or jobs are left when one fires.
/// - The requests in flight would take more than ``long`` at the current rate.
/// - Requests come at 90 % or more of the rate at which they are answered.
///
/// Then the limit is the number of requests that are answered within ``target`` (Little's law). Further requests are
/// refused at once, before any call. A client address with less than its share in flight is not refused. The type has
/// no clock: its owner reports the end of each ``window``.
struct OverloadControl: Sendable {
    /// The interval over which requests are counted: 20 ms.
    static let window: Duration = .milliseconds(20)
    /// How many windows a rate covers.
    private static let windows = 5
    /// How long the admitted requests may take during overload: 20 ms.
    static let target: Duration = .milliseconds(20)
    /// Requests in flight that would take longer than this are a queue: 40 ms.
    private static let long: Duration = .milliseconds(40)
    /// How late the timers of a loop fire that is behind with its work: 1 ms.
    private static let lateness: Duration = .milliseconds(1)
    /// How long overload must last before the limit applies: 200 ms. A window without overload subtracts its length.
    private static let patience: Duration = .milliseconds(200)
    /// The lowest limit.
    private static let minimum = 16

    private struct Counts: Sendable {
        var came = 0
        var answered = 0
        var refused = 0
    }

    private var current = Counts()
    private var recent: [Counts] = []
    private var behindFor: Duration = .zero
    private var byPeer: [String: Int] = [:]
    /// Requests in flight.
    private(set) var inFlight = 0
    /// How many requests may be in flight, or nil without a limit.
    private(set) var limit: Int?

    /// Makes a control without requests and without a limit.
    init() {}

    /// Counts a request of the client address `peer`. Returns false when it must be refused. Call ``answered(_:)`` when
    /// an admitted request ends.
    mutating func came(from peer: String) -> Bool {
        current.came += 1
        if isFull(for: peer) {
            current.refused += 1
            return false
        }
        byPeer[peer, default: 0] += 1
        inFlight += 1
        return true
    }

    /// Returns whether a request of `peer` would be refused now.
    func isFull(for peer: String) -> Bool {
        guard let limit, inFlight >= limit else { return false }
        return byPeer[peer] ?? 0 >= max(1, limit / max(1, byPeer.count))
    }

    /// Notes that an admitted request was answered, or that its client disconnected.
    mutating func answered(_ peer: String) {
        current.answered += 1
        inFlight -= 1
        byPeer[peer] = byPeer[peer].flatMap { $0 > 1 ? $0 - 1 : nil }
    }

    /// Ends a ``window`` and updates the limit. `late` is the delay of the timer that reported the end,
    /// and `hasJobsLeft` says whether the loop had more jobs at that time than it runs in one go.
    mutating func windowEnded(late: Duration, hasJobsLeft: Bool) {
        recent.append(current)
        if recent.count > Self.windows { recent.removeFirst() }
        current = Counts()
        let total = recent.reduce(into: Counts()) { total, counts in
            total.came += counts.came
            total.answered += counts.answered
            total.refused += counts.refused
        }
        let perSecond = Double(total.answered) / (Double(recent.count) * (Self.window / .seconds(1)))
        let fitting = max(Self.minimum, Int(perSecond * (Self.target / .seconds(1))))
        if let limit {
            // Overload ends when no request was refused in the last windows.
            self.limit = total.refused == 0 ? nil : (limit + fitting + 1) / 2
            behindFor = .zero
            return
        }
        let isQueue = Double(inFlight) > max(Double(Self.minimum), perSecond * (Self.long / .seconds(1)))
        let isGrowing = Double(total.came) >= 0.9 * Double(total.answered)
        let isBehind = isQueue && isGrowing && (hasJobsLeft || late >= Self.lateness)
        behindFor = max(.zero, isBehind ? behindFor + Self.window + late : behindFor - Self.window)
        if behindFor >= Self.patience { limit = fitting }
    }
}

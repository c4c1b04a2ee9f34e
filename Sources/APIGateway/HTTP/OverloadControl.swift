/// Decides how many requests one event loop answers at once when more come than can be answered.
///
/// While the loop keeps up there is no limit: requests that wait for a service that stands still are no overload, and neither
/// is a burst that is soon worked off. Overload is when, for ``patience``, the loop is behind with its work, what is under way
/// would take long, and no fewer requests come than are answered. Then as many are under way as are answered within
/// ``target`` (Little's law), and the others are refused at once, before anybody is called for them. A client address that
/// has less under way than its share is not refused. Pure: time comes in windows of ``window``.
struct OverloadControl: Sendable {
    /// How often requests are counted: 20 ms.
    static let window: Duration = .milliseconds(20)
    /// Counts that are looked at together.
    private static let windows = 5
    /// How long what is answered may take once others are refused: 20 ms.
    static let target: Duration = .milliseconds(20)
    /// What would take longer than this to work off is a queue: 40 ms.
    private static let long: Duration = .milliseconds(40)
    /// How late a loop's timers come that is behind with its work: 1 ms.
    private static let lateness: Duration = .milliseconds(1)
    /// How long that must go on, less the time in between when it did not: 200 ms.
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
    /// Requests under way.
    private(set) var inFlight = 0
    /// How many may be under way; nil when there is no limit.
    private(set) var limit: Int?

    /// Nothing yet.
    init() {}

    /// A request of a client address came; false when it is to be refused. One that is not ends with ``answered(_:)``.
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

    /// Whether a request of a client address is to be refused now.
    func isFull(for peer: String) -> Bool {
        guard let limit, inFlight >= limit else { return false }
        return byPeer[peer] ?? 0 >= max(1, limit / max(1, byPeer.count))
    }

    /// A request that was let in is answered, or its client has left.
    mutating func answered(_ peer: String) {
        current.answered += 1
        inFlight -= 1
        byPeer[peer] = byPeer[peer].flatMap { $0 > 1 ? $0 - 1 : nil }
    }

    /// A ``window`` is over, and the timer that says so came so late.
    mutating func windowEnded(late: Duration) {
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
            // Over, as soon as no request is refused any more.
            self.limit = total.refused == 0 ? nil : (limit + fitting + 1) / 2
            behindFor = .zero
            return
        }
        let isQueue = Double(inFlight) > max(Double(Self.minimum), perSecond * (Self.long / .seconds(1)))
        let isGrowing = Double(total.came) >= 0.9 * Double(total.answered)
        let isBehind = isQueue && isGrowing && late >= Self.lateness
        behindFor = max(.zero, isBehind ? behindFor + Self.window + late : behindFor - Self.window)
        if behindFor >= Self.patience { limit = fitting }
    }
}

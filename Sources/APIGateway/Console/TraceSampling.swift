/// Which requests the console keeps: at most ``mostRemarkable`` a second that failed (500 or more) or took long, and ``perSecond`` of
/// the others.
struct TraceSampling: Sendable {
    /// How many requests a second are kept of those that neither failed nor took long. Nil: every request is kept.
    let perSecond: Int?
    /// From when on a request took long.
    let slow: Duration
    /// How many requests a second are kept at most of those that failed or took long: 200.
    static let mostRemarkable = 200

    private var others: Allowance
    private var remarkable = Allowance(perSecond: Self.mostRemarkable)

    init(perSecond: Int?, slow: Duration) {
        self.perSecond = perSecond
        self.slow = slow
        others = Allowance(perSecond: perSecond ?? 0)
    }

    /// Whether a request that has ended is kept. `uptime` never goes back.
    mutating func keeps(status: Int, took: Duration, at uptime: Duration) -> Bool {
        guard perSecond != nil else { return true }
        let isRemarkable = status >= 500 || took >= slow
        return isRemarkable ? remarkable.take(at: uptime) : others.take(at: uptime)
    }
}

import NIOCore

/// Chooses the requests that the console keeps. Of those that failed (500 or more) or took long, it keeps at most ``mostRemarkable`` a
/// second; of those whose outline is not judged, ``mostNew``; of the others, a configured number.
struct TraceSampling: Sendable {
    /// How many requests a second are kept at most of those that failed or took long: 200.
    static let mostRemarkable = 200
    /// How many requests a second are kept at most because their outline is not judged: 50.
    static let mostNew = 50

    /// From when on a request took long.
    private let slow: TimeAmount
    private var others: Allowance
    private var remarkable = Allowance(perSecond: Self.mostRemarkable)
    private var new = Allowance(perSecond: Self.mostNew)

    /// Keeps `perSecond` requests a second of those that neither failed nor took at least `slow`.
    init(perSecond: Int, slow: Duration) {
        self.slow = TimeAmount(slow)
        others = Allowance(perSecond: perSecond)
    }

    /// Whether a request that has ended is kept.
    mutating func keeps(status: Int, took: TimeAmount, at now: NIODeadline) -> Bool {
        let isRemarkable = status >= 500 || took >= slow
        return isRemarkable ? remarkable.take(at: now) : others.take(at: now)
    }

    /// Whether a request is kept because its outline is not judged.
    mutating func keepsNew(at now: NIODeadline) -> Bool { new.take(at: now) }
}

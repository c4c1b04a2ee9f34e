import NIOCore

/// Counts requests by sender, and says which are too many.
///
/// For each sender it keeps one time: when the requests so far would have come at the sender's steady rate (the generic
/// cell rate algorithm, ITU-T I.371). A sender may be a minute ahead of that. The table is bounded: beyond its limit,
/// senders that are new share one place, so that an attacker with many addresses locks out newcomers at most.
struct RateTable {
    /// The most senders that have a place of their own.
    static let limit = 100_000
    private static let window = TimeAmount.minutes(1)

    private enum Place: Hashable {
        case own(RateSender)
        /// All senders without a place of their own, by the limit that applies to them.
        case shared(perMinute: Int)
    }

    private let limit: Int
    private var dueAt: [Place: NIODeadline] = [:]
    private var sweptAt = NIODeadline.uptimeNanoseconds(0)

    init(limit: Int = RateTable.limit) { self.limit = limit }

    /// The number of places in use.
    var count: Int { dueAt.count }

    /// Counts a request. Returns how long its sender has to wait if it is one too many, and then does not count it.
    mutating func take(_ sender: RateSender, perMinute: Int, at now: NIODeadline) -> TimeAmount? {
        let place = place(of: sender, perMinute, at: now)
        let interval = TimeAmount.nanoseconds(Self.window.nanoseconds / Int64(perMinute))
        let due = max(dueAt[place] ?? now, now) + interval
        if due - now > Self.window { return due - now - Self.window }
        dueAt[place] = due
        return nil
    }

    /// Returns how long a sender would have to wait with its next request. Nil if it need not. Counts nothing.
    func wait(_ sender: RateSender, perMinute: Int, at now: NIODeadline) -> TimeAmount? {
        guard let dueAt = dueAt[.own(sender)] else { return nil }
        let due = max(dueAt, now) + TimeAmount.nanoseconds(Self.window.nanoseconds / Int64(perMinute))
        return due - now > Self.window ? due - now - Self.window : nil
    }

    private mutating func place(of sender: RateSender, _ perMinute: Int, at now: NIODeadline) -> Place {
        if dueAt[.own(sender)] != nil || dueAt.count < limit { return .own(sender) }
        // Those whose time has passed begin anew anyway.
        if now - sweptAt > .seconds(1) {
            sweptAt = now
            dueAt = dueAt.filter { $0.value > now }
            if dueAt.count < limit { return .own(sender) }
        }
        return .shared(perMinute: perMinute)
    }
}

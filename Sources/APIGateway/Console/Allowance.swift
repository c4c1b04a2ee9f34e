import NIOCore

/// A number of requests a second, of which at most a second's worth is saved up. A value: the time is a parameter.
///
/// Calculates in integers, because a busy gateway calls it for each request.
struct Allowance: Sendable {
    private static let second: Int64 = 1_000_000_000
    /// A request in the unit of `left`. A second has as many nanoseconds, so `perSecond` is also what a nanosecond adds to `left`.
    private static let request: Int64 = 1_000_000_000

    private let perSecond: Int64
    /// The billionths of a request that may still be taken.
    private var left: Int64
    /// The latest time of `take`. Nil before the first.
    private var at: NIODeadline?

    /// Makes one that has a second's worth. `perSecond` is 0 to 1000. With 0, nothing may be taken.
    init(perSecond: Int) {
        self.perSecond = Int64(perSecond)
        left = self.perSecond * Self.request
    }

    /// Takes a request. Returns false if none is left. Time that goes back gives nothing.
    mutating func take(at now: NIODeadline) -> Bool {
        let since = at.map { max(0, min(Self.second, (now - $0).nanoseconds)) } ?? 0
        left = min(perSecond * Self.request, left + perSecond * since)
        at = max(at ?? now, now)
        if left < Self.request { return false }
        left -= Self.request
        return true
    }
}

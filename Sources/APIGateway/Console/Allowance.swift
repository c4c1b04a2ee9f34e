import NIOCore

/// A number of requests a second, of which at most a second's worth is saved up. A value: the time is a parameter.
///
/// In integers: every request of a busy gateway asks it.
struct Allowance: Sendable {
    private static let second: Int64 = 1_000_000_000

    /// At most 1000.
    private let perSecond: Int64
    /// In billionths of a request.
    private var left: Int64
    private var at: NIODeadline?

    /// Makes one that has a second's worth. With 0, nothing may be taken.
    init(perSecond: Int) {
        self.perSecond = Int64(perSecond)
        left = self.perSecond * Self.second
    }

    /// Takes a request. Returns false if none is left. Time that goes back gives nothing.
    mutating func take(at now: NIODeadline) -> Bool {
        let since = at.map { max(0, min(Self.second, (now - $0).nanoseconds)) } ?? 0
        left = min(perSecond * Self.second, left + perSecond * since)
        at = max(at ?? now, now)
        if left < Self.second { return false }
        left -= Self.second
        return true
    }
}

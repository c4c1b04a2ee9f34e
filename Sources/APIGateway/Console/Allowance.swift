/// A number of requests a second, of which at most a second's worth is saved up. A value: the time is a parameter.
struct Allowance: Sendable {
    private let perSecond: Double
    private var left: Double
    private var at: Duration = .zero

    /// Makes one that has a second's worth. With 0, nothing may be taken.
    init(perSecond: Int) {
        self.perSecond = Double(perSecond)
        left = self.perSecond
    }

    /// Takes a request. Returns false if none is left. Time that goes back gives nothing.
    mutating func take(at uptime: Duration) -> Bool {
        left = min(perSecond, left + perSecond * (max(.zero, uptime - at) / .seconds(1)))
        at = max(at, uptime)
        if left < 1 { return false }
        left -= 1
        return true
    }
}

/// How long to wait before connecting again: longer after each failure, never in step with others.
///
/// As gRPC's connection backoff (base 1 s, factor 1.6, jitter 20 %), but with a shorter limit.
public struct Backoff: Sendable, Hashable {
    /// The first wait. Default 1 s.
    public var base: Duration = .seconds(1)
    /// What each further failure multiplies it by. Default 1.6.
    public var factor = 1.6
    /// The share by which a wait may be longer or shorter. Default 0.2.
    public var jitter = 0.2
    /// The longest wait, before jitter. Default 30 s.
    public var maximum: Duration = .seconds(30)

    /// The defaults.
    public init() {}

    /// The wait after that many failures in a row, at least 1; `random` is from 0 to 1.
    public func delay(failures: Int, random: Double) -> Duration {
        var seconds = base.inSeconds
        let limit = maximum.inSeconds
        for _ in 1..<max(1, min(failures, 100)) where seconds < limit { seconds *= factor }
        return .nanoseconds(Int64(min(seconds, limit) * (1 + jitter * (2 * random - 1)) * 1e9))
    }
}

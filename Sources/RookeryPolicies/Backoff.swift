extension ClientConfiguration.Reconnect {
    /// The wait after `failures` failures in a row, with jitter. Fewer than 1 counts as 1. `random` is from 0 to 1.
    package func delay(failures: Int, random: Double) -> Duration {
        var seconds = base.inSeconds
        let limit = maximum.inSeconds
        for _ in 1..<max(1, min(failures, 100)) where seconds < limit { seconds *= factor }
        return .nanoseconds(Int64(min(seconds, limit) * (1 + jitter * (2 * random - 1)) * 1e9))
    }
}

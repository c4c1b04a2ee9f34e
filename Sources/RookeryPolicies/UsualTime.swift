/// How long the answers to a command usually take, and how long an attempt waits before it is taken for stalled.
///
/// It smooths the times and their deviation as TCP does for its retransmission timeout (RFC 6298, 2).
struct UsualTime: Sendable, Hashable {
    private var mean: Double = 0
    private var deviation: Double = 0
    private var count = 0

    /// Answers before the times are known well enough.
    private static let known = 20
    /// An attempt is stalled when it takes this many times as long as nearly all others.
    private static let factor = 8.0

    /// Notes the time of an answer.
    mutating func answered(after time: Duration) {
        let time = time.inSeconds
        if count == 0 {
            (mean, deviation) = (time, time / 2)
        } else {
            deviation += (abs(mean - time) - deviation) / 4
            mean += (time - mean) / 8
        }
        count = min(count + 1, Self.known)
    }

    /// The time after which an attempt is taken for stalled, between two bounds. It is `longest` until enough answers have come.
    func limit(atLeast shortest: Duration, atMost longest: Duration) -> Duration {
        if count < Self.known { return longest }
        return min(longest, max(shortest, .seconds(Self.factor * (mean + 4 * deviation))))
    }
}

/// How it adapts.
package struct Shedding: Sendable, Hashable {
    /// Default `.enforce`.
    package var mode = GuardMode.enforce
    /// Where it begins; from there it doubles, until latencies rise for the first time. Default 32.
    package var initial = 32
    /// It never falls below. Default 4.
    package var minimum = 4
    /// It never rises above. Default 5000.
    package var maximum = 5000
    /// How often it adapts. Default 100 ms.
    package var window: Duration = .milliseconds(100)
    /// Latencies up to this multiple of the shortest are no sign of trouble. Default 1.25.
    package var tolerance = 1.25
    /// How long the shortest latency is believed; the world may have become slower for good. Then it is measured anew,
    /// with the limit at its minimum for at most ten windows when there is load. Default 30 s.
    package var memory: Duration = .seconds(30)
    /// Shorter latencies count as this one: a handler this fast has no queue worth a refusal. Default 10 ms.
    package var floor: Duration = .milliseconds(10)
    /// How many messages may wait for their turn. When so many wait, a further one evicts the newest message of the
    /// peer with most waiting, or is refused itself. 0 refuses every message over the limit at once. Default 1024.
    package var waiting = 1024
    /// How long a message waits for its turn; then it is refused, so that its caller can try another instance. Under
    /// sustained overload, messages take up to this much longer. While the limit has not been found, five windows if that
    /// is more: it may double in each. Default 100 ms.
    package var patience: Duration = .milliseconds(100)

    package init() {}
}

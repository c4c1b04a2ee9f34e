/// Settings of a ``LoadGate``: how its limit adapts, and how many messages wait for how long.
package struct Shedding: Sendable, Hashable {
    /// Whether the gate refuses messages. Default `.enforce`.
    package var mode = GuardMode.enforce
    /// The first limit. It doubles until latencies rise for the first time. Default 32.
    package var initial = 32
    /// The lowest limit. Default 4.
    package var minimum = 4
    /// The highest limit. Default 5000.
    package var maximum = 5000
    /// How often the limit adapts, once five messages have been handled. Default 100 ms.
    package var window: Duration = .milliseconds(100)
    /// A mean latency up to this multiple of the shortest latency does not lower the limit. Default 1.25.
    package var tolerance = 1.25
    /// How often the gate measures the shortest latency again. Default 30 s.
    ///
    /// A service may become slower for good. Under load, the limit is at `minimum` during the measurement, for at most
    /// ten windows.
    package var memory: Duration = .seconds(30)
    /// Shorter latencies count as this one, because the queue of so fast a handler is short. Default 10 ms.
    package var floor: Duration = .milliseconds(10)
    /// How many messages may wait for their turn. 0 refuses every message over the limit at once. Default 1024.
    ///
    /// When the queue is full, a further message evicts the newest message of the peer with most waiting, or the gate
    /// refuses it.
    package var waiting = 1024
    /// How long a message waits for its turn before the gate refuses it. Default 100 ms.
    ///
    /// The refusal lets the caller try another instance. Under sustained overload, messages take up to this much
    /// longer. During slow start the wait is at least five windows, because the limit may double in each.
    package var patience: Duration = .milliseconds(100)

    package init() {}
}

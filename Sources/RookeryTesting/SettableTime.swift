package import RookeryCore
import Synchronization

/// A time that a test sets.
package final class SettableTime: Sendable {
    private let value: Mutex<Instant>

    /// Starts at a time.
    package init(_ start: Instant = Instant(milliseconds: 1_800_000_000_000)) { value = Mutex(start) }

    /// The time now.
    package var now: Instant { value.withLock { $0 } }

    /// Sets it.
    package func set(_ instant: Instant) { value.withLock { $0 = instant } }

    /// Lets time pass.
    package func pass(_ duration: Duration) { value.withLock { $0 = $0 + duration } }
}

package import RookeryCore
import Synchronization

/// A clock that a test sets.
package final class SettableTime: Sendable {
    private let value: Mutex<Instant>

    /// Makes a clock that stands at `start`. Default 2027-01-15T08:00:00Z.
    package init(_ start: Instant = Instant(milliseconds: 1_800_000_000_000)) { value = Mutex(start) }

    /// The time that the clock shows.
    package var now: Instant { value.withLock { $0 } }

    /// Sets the time.
    package func set(_ instant: Instant) { value.withLock { $0 = instant } }

    /// Moves the clock forward by a duration.
    package func pass(_ duration: Duration) { value.withLock { $0 = $0 + duration } }
}

public import RookeryCore
import Synchronization

/// A time that a test sets.
public final class SettableTime: Sendable {
    private let value: Mutex<Instant>

    /// Starts at a time.
    public init(_ start: Instant = Instant(milliseconds: 1_800_000_000_000)) { value = Mutex(start) }

    /// The time now.
    public var now: Instant { value.withLock { $0 } }

    /// Sets it.
    public func set(_ instant: Instant) { value.withLock { $0 = instant } }

    /// Lets time pass.
    public func pass(_ duration: Duration) { value.withLock { $0 = $0 + duration } }
}

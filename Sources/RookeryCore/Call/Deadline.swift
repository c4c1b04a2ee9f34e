package import NIOCore

/// The moment when a caller stops waiting. Peers exchange the remaining time, so their clocks need not agree.
public struct Deadline: Sendable, Hashable {
    package let instant: NIODeadline

    package init(_ instant: NIODeadline) { self.instant = instant }

    /// Returns the earlier of two deadlines.
    package func earlier(_ other: Deadline) -> Deadline { instant < other.instant ? self : other }

    /// Returns the deadline at this time from now.
    package static func after(_ duration: Duration) -> Deadline { Deadline(.now() + TimeAmount(duration)) }

    /// The remaining time. Zero if the deadline has passed.
    public var remaining: Duration { remaining(at: .now()) }

    package func remaining(at now: NIODeadline) -> Duration {
        .nanoseconds(max(0, (instant - now).nanoseconds))
    }

    /// Whether the deadline has passed.
    package var isOver: Bool { instant <= .now() }

    /// Returns the deadline of a call that a handler makes under this deadline.
    ///
    /// It is earlier by a tenth of the remaining time, at most by 100 ms. So the handler can still report a failure of
    /// that call in time.
    package func ofInnerCall(at now: NIODeadline) -> Deadline {
        let left = max(0, (instant - now).nanoseconds)
        return Deadline(instant - TimeAmount.nanoseconds(min(100_000_000, left / 10)))
    }
}

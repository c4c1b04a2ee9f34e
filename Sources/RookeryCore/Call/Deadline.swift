package import NIOCore

/// The moment at which a caller stops waiting. It travels as the time that is left, so clocks need not agree.
public struct Deadline: Sendable, Hashable {
    package let instant: NIODeadline

    package init(_ instant: NIODeadline) { self.instant = instant }

    /// The earlier one.
    package func earlier(_ other: Deadline) -> Deadline { instant < other.instant ? self : other }

    /// The moment so far from now.
    package static func after(_ duration: Duration) -> Deadline { Deadline(.now() + TimeAmount(duration)) }

    /// The time until then; zero when it is over.
    public var remaining: Duration { remaining(at: .now()) }

    package func remaining(at now: NIODeadline) -> Duration {
        .nanoseconds(max(0, (instant - now).nanoseconds))
    }

    /// Whether it is over.
    public var isOver: Bool { instant <= .now() }

    /// When a call made under this deadline has to be answered: a little earlier, so that its failure can still be
    /// answered. A tenth of what is left, at most 100 ms.
    package func ofInnerCall(at now: NIODeadline) -> Deadline {
        let left = max(0, (instant - now).nanoseconds)
        return Deadline(instant - TimeAmount.nanoseconds(min(100_000_000, left / 10)))
    }
}

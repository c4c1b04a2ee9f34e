import PetProContracts
import Rookery

/// A span of time that occupies one place: from `start` up to, not including, `end`.
struct Interval: Sendable, Hashable {
    var start: Instant
    var end: Instant

    func overlaps(_ other: Interval) -> Bool { start < other.end && other.start < end }
}

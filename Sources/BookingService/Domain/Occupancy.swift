import PetProContracts
import Rookery

/// Computes how many places are taken.
enum Occupancy {
    /// Returns the most places that are taken at any moment within `span`.
    ///
    /// This is not the number of overlaps. The intervals 10:00–10:30 and 10:30–11:00 take one place throughout
    /// 10:00–11:00.
    static func maximumConcurrency(of taken: [Interval], within span: Interval) -> Int {
        var changes: [(at: Instant, by: Int)] = []
        for interval in taken where interval.overlaps(span) {
            changes.append((interval.start, 1))
            changes.append((interval.end, -1))
        }
        // At one moment, ends come before starts, because the intervals are half-open.
        changes.sort { ($0.at, $0.by) < ($1.at, $1.by) }
        var count = 0
        var most = 0
        for change in changes {
            count += change.by
            most = max(most, count)
        }
        return most
    }
}

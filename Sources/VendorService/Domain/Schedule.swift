import Foundation
import PetProContracts
import Rookery

/// A vendor's opening hours: weekly hours, and special days that replace them.
struct Schedule: Sendable {
    /// One opening, in minutes since midnight in the vendor's time zone.
    struct Opening: Sendable, Hashable, Comparable {
        var open: Int
        var close: Int

        static func < (left: Opening, right: Opening) -> Bool { (left.open, left.close) < (right.open, right.close) }

        /// Makes an opening. Returns nil unless `open` is before `close`.
        init?(open: LocalTime, close: LocalTime) {
            guard open < close else { return nil }
            self.open = open.minutes
            self.close = close.minutes
        }
    }

    /// The openings by weekday, 1 for Monday to 7 for Sunday.
    var weekly: [Int: [Opening]]
    /// The openings of special days. A day with an empty array is closed.
    var special: [LocalDate: [Opening]]

    /// Returns the openings of a day as instants. Each window starts and ends at its local times, so a clock change
    /// makes it shorter or longer.
    func windows(on date: LocalDate, in zone: TimeZone) -> [TimeWindow] {
        (special[date] ?? weekly[date.weekday] ?? []).sorted().compactMap { opening in
            guard let start = zone.instant(date, minutes: opening.open),
                let end = zone.instant(date, minutes: opening.close), start < end
            else { return nil }
            return TimeWindow(start: start, end: end)
        }
    }

    /// Returns the violations in new opening hours.
    static func violations(_ hours: [OpeningHours], _ specialDays: [SpecialDay]) -> [Violation] {
        var violations: [Violation] = []
        var byDay: [Int: [Opening]] = [:]
        for (at, hours) in hours.enumerated() {
            guard let opening = Opening(open: hours.open, close: hours.close) else {
                violations.append(
                    Violation(path: "hours[\(at)].close", constraint: "order", message: "must be later than open"))
                continue
            }
            if byDay[hours.weekday, default: []].contains(where: { $0.open < opening.close && opening.open < $0.close })
            {
                violations.append(
                    Violation(
                        path: "hours[\(at)]", constraint: "overlap", message: "overlaps another opening of its day"))
            }
            byDay[hours.weekday, default: []].append(opening)
        }
        var dates: Set<LocalDate> = []
        for (at, day) in specialDays.enumerated() {
            if !dates.insert(day.date).inserted {
                violations.append(
                    Violation(path: "specialDays[\(at)].date", constraint: "distinct", message: "must not come twice"))
            }
            let isOpening = day.open.flatMap { open in day.close.map { open < $0 } } ?? false
            let hasTimes = day.open != nil || day.close != nil
            if day.closed ? hasTimes : !isOpening {
                violations.append(
                    Violation(
                        path: "specialDays[\(at)]", constraint: "order",
                        message: "must be closed, or have open and a later close"))
            }
        }
        return violations
    }
}

extension TimeZone {
    /// Returns the instant of a local time.
    ///
    /// A time that a clock change skips moves forward by the length of the change: 02:30 becomes 03:30. For a time that
    /// comes twice, it is the first.
    func instant(_ date: LocalDate, minutes: Int) -> Instant? {
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = self
        let day = minutes == 24 * 60 ? LocalDate(daysSinceEpoch: date.daysSinceEpoch + 1) : date
        let minutes = minutes % (24 * 60)
        let components = DateComponents(
            year: day.year, month: day.month, day: day.day, hour: minutes / 60, minute: minutes % 60)
        return calendar.date(from: components).map {
            Instant(milliseconds: Int64(($0.timeIntervalSince1970 * 1000).rounded()))
        }
    }

    /// Returns the local date of an instant, at most 9999-12-31.
    func localDate(of instant: Instant) -> LocalDate {
        let last = LocalDate(daysSinceEpoch: 2_932_896)
        // Two days later, every zone is past the last date. Later dates have no valid text.
        let seconds = min(Int(instant.milliseconds / 1000), (last.daysSinceEpoch + 2) * 86_400)
        let offset = secondsFromGMT(for: Date(timeIntervalSince1970: Double(seconds)))
        let days = Double(seconds + offset) / 86_400
        return min(last, LocalDate(daysSinceEpoch: Int(days.rounded(.down))))
    }
}

import Foundation
import PetProContracts
import Rookery

/// A vendor's opening hours: weekly, with dates that differ.
struct Schedule: Sendable {
    /// One opening, in minutes of the vendor's day.
    struct Opening: Sendable, Hashable, Comparable {
        var open: Int
        var close: Int

        static func < (left: Opening, right: Opening) -> Bool { (left.open, left.close) < (right.open, right.close) }

        /// Nil unless `open` comes before `close`.
        init?(open: LocalTime, close: LocalTime) {
            guard open < close else { return nil }
            self.open = open.minutes
            self.close = close.minutes
        }
    }

    var weekly: [Int: [Opening]]
    /// No openings: closed.
    var special: [LocalDate: [Opening]]

    /// The openings of a day as instants. Across a clock change a window is as long as it is on the clock face: it starts
    /// and ends at the local times given.
    func windows(on date: LocalDate, in zone: TimeZone) -> [TimeWindow] {
        (special[date] ?? weekly[date.weekday] ?? []).sorted().compactMap { opening in
            guard let start = zone.instant(date, minutes: opening.open),
                let end = zone.instant(date, minutes: opening.close), start < end
            else { return nil }
            return TimeWindow(start: start, end: end)
        }
    }

    /// What is wrong with hours that are to be set.
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
    /// The instant of a local time. One that the clocks skip becomes the time they jump to; of one that comes twice, the
    /// first.
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

    /// The local day of an instant, as far as dates reach: the last one is 9999-12-31.
    func localDate(of instant: Instant) -> LocalDate {
        let last = LocalDate(daysSinceEpoch: 2_932_896)
        // A day more than that is beyond it in every zone, and its text would be none.
        let seconds = min(Int(instant.milliseconds / 1000), (last.daysSinceEpoch + 2) * 86_400)
        let offset = secondsFromGMT(for: Date(timeIntervalSince1970: Double(seconds)))
        let days = Double(seconds + offset) / 86_400
        return min(last, LocalDate(daysSinceEpoch: Int(days.rounded(.down))))
    }
}

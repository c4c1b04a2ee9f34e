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
        init?(open: String, close: String) {
            guard let open = Self.minutes(open), let close = Self.minutes(close), open < close else { return nil }
            self.open = open
            self.close = close
        }

        /// Minutes since midnight of `HH:mm`.
        static func minutes(_ text: String) -> Int? {
            let parts = text.split(separator: ":")
            guard parts.count == 2, let hour = Int(parts[0]), let minute = Int(parts[1]) else { return nil }
            return hour * 60 + minute
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

    /// What is wrong with hours somebody wants to set.
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
        for (at, day) in specialDays.enumerated() where !day.closed {
            if let open = day.open, let close = day.close, Opening(open: open, close: close) != nil { continue }
            violations.append(
                Violation(
                    path: "specialDays[\(at)]", constraint: "order",
                    message: "must be closed, or have open and a later close"))
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

    /// The local day of an instant.
    func localDate(of instant: Instant) -> LocalDate {
        let seconds = Int(instant.milliseconds / 1000)
        let offset = secondsFromGMT(for: Date(timeIntervalSince1970: Double(seconds)))
        let days = Double(seconds + offset) / 86_400
        return LocalDate(daysSinceEpoch: Int(days.rounded(.down)))
    }
}

public import RookeryWire

/// A day of the proleptic Gregorian calendar, without a time zone: `2026-01-01`.
public struct LocalDate: MessageValue, Hashable, Comparable, CustomStringConvertible {
    private let date: CivilDate

    /// The year, 0 to 9999.
    public var year: Int { date.year }
    /// The month, 1 to 12.
    public var month: Int { date.month }
    /// The day of the month, from 1.
    public var day: Int { date.day }
    /// Days since 1970-01-01.
    package var daysSinceEpoch: Int { date.daysSinceEpoch }
    /// 1 for Monday to 7 for Sunday (ISO 8601).
    package var weekday: Int { ((daysSinceEpoch + 3) % 7 + 7) % 7 + 1 }

    /// Creates a date. Nil if the day does not exist, or if the year is not in 0 to 9999.
    public init?(year: Int, month: Int, day: Int) {
        guard (0...9999).contains(year), let date = CivilDate(year: year, month: month, day: day) else { return nil }
        self.date = date
    }

    /// Creates the date at this number of days after 1970-01-01.
    package init(daysSinceEpoch: Int) { date = CivilDate(daysSinceEpoch: daysSinceEpoch) }

    /// Parses `yyyy-MM-dd`. Nil if the text is not a valid date.
    public init?(_ text: String) {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 3, parts.map(\.utf8.count) == [4, 2, 2],
            text.utf8.allSatisfy({ (48...57).contains($0) || $0 == UInt8(ascii: "-") }),
            let year = Int(parts[0]), let month = Int(parts[1]), let day = Int(parts[2])
        else { return nil }
        self.init(year: year, month: month, day: day)
    }

    /// Earlier comes first.
    public static func < (left: LocalDate, right: LocalDate) -> Bool { left.daysSinceEpoch < right.daysSinceEpoch }

    /// `yyyy-MM-dd`
    public var description: String {
        func padded(_ value: Int, _ width: Int) -> String {
            let text = String(value)
            return String(repeating: "0", count: max(0, width - text.count)) + text
        }
        return "\(padded(year, 4))-\(padded(month, 2))-\(padded(day, 2))"
    }

    /// A date.
    public static var _schema: Schema { Schema(.string(format: "date")) }

    /// Reads `yyyy-MM-dd`.
    public static func _decode(_ decoder: inout _MessageDecoder) throws(MalformedValue) -> LocalDate? {
        try decoder.text("a date", violation: "date", "must be a date, such as 2026-01-01") { LocalDate($0) }
    }

    /// Writes `yyyy-MM-dd`.
    public func _encode(to writer: inout _ValueWriter) { writer.write(description) }
}

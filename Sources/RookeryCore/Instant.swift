public import RookeryWire

/// A point in time with millisecond precision, written as JavaScript's `Date.toISOString` does.
public struct Instant: MessageValue, Hashable, Comparable, CustomStringConvertible {
    /// Milliseconds since 1970-01-01T00:00:00Z; JavaScript's dates reach ±8.64e15.
    public let milliseconds: Int64

    /// The instant that many milliseconds after 1970-01-01T00:00:00Z.
    public init(milliseconds: Int64) { self.milliseconds = milliseconds }

    /// Reads RFC 3339 text, with any offset, and any number of decimals cut to milliseconds; nil when it is not.
    public init?(_ text: String) {
        var text = text
        guard let value = text.withUTF8({ Self.parse($0) }) else { return nil }
        milliseconds = value
    }

    /// Earlier comes first.
    public static func < (left: Instant, right: Instant) -> Bool { left.milliseconds < right.milliseconds }

    /// This instant, moved.
    public static func + (left: Instant, right: Duration) -> Instant {
        Instant(milliseconds: left.milliseconds + right.milliseconds)
    }

    /// This instant, moved back.
    public static func - (left: Instant, right: Duration) -> Instant {
        Instant(milliseconds: left.milliseconds - right.milliseconds)
    }

    /// `2026-01-01T10:00:00.000Z`
    public var description: String {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: Self.textCapacity) { text in
            String(decoding: text[..<write(to: text)], as: UTF8.self)
        }
    }

    /// Reads an RFC 3339 string.
    public static func decode(_ decoder: inout MessageDecoder) throws(MalformedValue) -> Instant? {
        guard try decoder.reader.peek() == .string else {
            try decoder.mismatch("an RFC 3339 date and time")
            return nil
        }
        if let value = Instant(try decoder.reader.readString()) { return value }
        decoder.violated("instant", "must be an RFC 3339 date and time, such as 2026-01-01T10:00:00.000Z")
        return nil
    }

    /// Writes the instant in UTC with milliseconds and `Z`.
    public func encode(to writer: inout ValueWriter) {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: Self.textCapacity) { text in
            let count = write(to: text)
            writer.write(plain: UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(text)[..<count]))
        }
    }

    /// `+275760-09-13T00:00:00.000Z`, JavaScript's last, has 27 characters; ours reach a little further.
    private static let textCapacity = 40

    /// Writes the text and says how many bytes it has.
    private func write(to text: UnsafeMutableBufferPointer<UInt8>) -> Int {
        let (day, time) = milliseconds.dividedFloor(by: 86_400_000)
        let date = CivilDate(daysSinceEpoch: Int(day))
        var at = 0
        func put(_ character: Unicode.Scalar) {
            text[at] = UInt8(ascii: character)
            at &+= 1
        }
        func digits(_ value: Int, _ count: Int) {
            var rest = UInt32(truncatingIfNeeded: value)
            var place = at &+ count
            while place > at {
                place &-= 1
                let (quotient, digit) = rest.quotientAndRemainder(dividingBy: 10)
                text[place] = UInt8(truncatingIfNeeded: digit) &+ 48
                rest = quotient
            }
            at &+= count
        }
        if (0...9999).contains(date.year) {
            digits(date.year, 4)
        } else {
            put(date.year < 0 ? "-" : "+")
            let year = abs(date.year)
            digits(year, max(6, String(year).count))
        }
        put("-")
        digits(date.month, 2)
        put("-")
        digits(date.day, 2)
        put("T")
        let time32 = Int(time)
        digits(time32 / 3_600_000, 2)
        put(":")
        digits(time32 / 60_000 % 60, 2)
        put(":")
        digits(time32 / 1000 % 60, 2)
        put(".")
        digits(time32 % 1000, 3)
        put("Z")
        return at
    }

    private static func parse(_ text: UnsafeBufferPointer<UInt8>) -> Int64? {
        var at = 0
        func byte(_ expected: Character) -> Bool {
            guard at < text.count, text[at] == expected.asciiValue else { return false }
            at += 1
            return true
        }
        func number(_ digits: Int) -> Int? {
            guard at + digits <= text.count else { return nil }
            var value = 0
            for _ in 0..<digits {
                guard case let digit = text[at] &- 48, digit < 10 else { return nil }
                value = value * 10 + Int(digit)
                at += 1
            }
            return value
        }
        guard let year = number(4), byte("-"), let month = number(2), byte("-"), let day = number(2),
            let date = CivilDate(year: year, month: month, day: day),
            byte("T") || byte("t") || byte(" "),
            let hour = number(2), hour < 24, byte(":"), let minute = number(2), minute < 60, byte(":"),
            let second = number(2), second < 60
        else { return nil }
        var fraction = 0
        if byte(".") {
            var weight = 100
            let start = at
            while at < text.count, case let digit = text[at] &- 48, digit < 10 {
                fraction += Int(digit) * weight
                weight /= 10
                at += 1
            }
            if at == start { return nil }
        }
        var offset = 0
        if !(byte("Z") || byte("z")) {
            let sign = byte("+") ? 1 : byte("-") ? -1 : 0
            guard sign != 0, let hours = number(2), hours < 24, byte(":"), let minutes = number(2), minutes < 60 else {
                return nil
            }
            offset = sign * (hours * 60 + minutes)
        }
        guard at == text.count else { return nil }
        let seconds = Int64(date.daysSinceEpoch) * 86_400 + Int64(hour * 3600 + (minute - offset) * 60 + second)
        return seconds * 1000 + Int64(fraction)
    }
}

extension Duration {
    /// Whole milliseconds, rounded towards zero.
    public var milliseconds: Int64 {
        let (seconds, attoseconds) = components
        return seconds * 1000 + attoseconds / 1_000_000_000_000_000
    }
}

extension Int64 {
    func dividedFloor(by divisor: Int64) -> (quotient: Int64, remainder: Int64) {
        var (quotient, remainder) = quotientAndRemainder(dividingBy: divisor)
        if remainder < 0 {
            quotient -= 1
            remainder += divisor
        }
        return (quotient, remainder)
    }
}

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
    public var daysSinceEpoch: Int { date.daysSinceEpoch }
    /// 1 for Monday to 7 for Sunday (ISO 8601).
    public var weekday: Int { ((daysSinceEpoch + 3) % 7 + 7) % 7 + 1 }

    /// A day that exists; nil for others.
    public init?(year: Int, month: Int, day: Int) {
        guard (0...9999).contains(year), let date = CivilDate(year: year, month: month, day: day) else { return nil }
        self.date = date
    }

    /// The day that many days after 1970-01-01.
    public init(daysSinceEpoch: Int) { date = CivilDate(daysSinceEpoch: daysSinceEpoch) }

    /// Reads `yyyy-MM-dd`; nil when it is not.
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

    /// Reads `yyyy-MM-dd`.
    public static func decode(_ decoder: inout MessageDecoder) throws(MalformedValue) -> LocalDate? {
        guard try decoder.reader.peek() == .string else {
            try decoder.mismatch("a date")
            return nil
        }
        if let value = LocalDate(try decoder.reader.readString()) { return value }
        decoder.violated("date", "must be a date, such as 2026-01-01")
        return nil
    }

    /// Writes `yyyy-MM-dd`.
    public func encode(to writer: inout ValueWriter) { writer.write(description) }
}

/// Days and dates (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms").
struct CivilDate: Sendable, Hashable {
    let year: Int
    let month: Int
    let day: Int

    init?(year: Int, month: Int, day: Int) {
        guard (1...12).contains(month), day >= 1 else { return nil }
        let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
        let lengths = [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
        guard day <= lengths[month - 1] else { return nil }
        (self.year, self.month, self.day) = (year, month, day)
    }

    init(daysSinceEpoch: Int) {
        let shifted = daysSinceEpoch + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
        month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    }

    var daysSinceEpoch: Int {
        let shiftedYear = month <= 2 ? year - 1 : year
        let era = (shiftedYear >= 0 ? shiftedYear : shiftedYear - 399) / 400
        let yearOfEra = shiftedYear - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return era * 146_097 + dayOfEra - 719_468
    }
}

public import RookeryWire

/// A point in time with millisecond precision, written as JavaScript's `Date.toISOString` does.
public struct Instant: MessageValue, Hashable, Comparable, CustomStringConvertible {
    /// Milliseconds since 1970-01-01T00:00:00Z; JavaScript's dates reach ±8.64e15.
    public let milliseconds: Int64

    /// Creates the instant at this number of milliseconds after 1970-01-01T00:00:00Z.
    public init(milliseconds: Int64) { self.milliseconds = milliseconds }

    /// Parses RFC 3339 text with any offset. Truncates decimals to milliseconds. Nil if the text is not valid.
    public init?(_ text: String) {
        var text = text
        guard let value = text.withUTF8({ Self.parse($0) }) else { return nil }
        milliseconds = value
    }

    /// Earlier comes first.
    public static func < (left: Instant, right: Instant) -> Bool { left.milliseconds < right.milliseconds }

    /// Returns the instant later by a duration, which is truncated to milliseconds.
    package static func + (left: Instant, right: Duration) -> Instant {
        Instant(milliseconds: left.milliseconds + right.milliseconds)
    }

    /// Returns the instant earlier by a duration, which is truncated to milliseconds.
    package static func - (left: Instant, right: Duration) -> Instant {
        Instant(milliseconds: left.milliseconds - right.milliseconds)
    }

    /// The text in UTC: `2026-01-01T10:00:00.000Z`.
    public var description: String {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: Self.textCapacity) { text in
            String(decoding: text[..<write(to: text)], as: UTF8.self)
        }
    }

    /// An RFC 3339 date and time.
    public static var _schema: Schema { Schema(.string(format: "date-time")) }

    /// Reads an RFC 3339 string.
    public static func _decode(_ decoder: inout _MessageDecoder) throws(MalformedValue) -> Instant? {
        try decoder.text(
            "an RFC 3339 date and time", violation: "instant",
            "must be an RFC 3339 date and time, such as 2026-01-01T10:00:00.000Z"
        ) { Instant($0) }
    }

    /// Writes the instant in UTC with milliseconds and `Z`.
    public func _encode(to writer: inout _ValueWriter) {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: Self.textCapacity) { text in
            let count = write(to: text)
            writer.write(plain: UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(text)[..<count]))
        }
    }

    /// The last date of JavaScript, `+275760-09-13T00:00:00.000Z`, has 27 characters. An `Instant` can be a little
    /// longer.
    private static let textCapacity = 40

    /// Writes the text and returns its length in bytes.
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

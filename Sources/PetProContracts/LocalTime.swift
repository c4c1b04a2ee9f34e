public import Rookery

/// A time of day without a date or a time zone, to the minute: `09:30`. `24:00` is the end of the day.
public struct LocalTime: MessageValue, Hashable, Comparable, CustomStringConvertible {
    /// Minutes since midnight, 0 to 1440.
    public let minutes: Int

    /// Makes the time that many minutes after midnight. Returns nil unless `minutes` is 0 to 1440.
    public init?(minutes: Int) {
        guard (0...1440).contains(minutes) else { return nil }
        self.minutes = minutes
    }

    /// Reads `HH:mm`. Returns nil for any other text.
    public init?(_ text: String) {
        let bytes = Array(text.utf8.prefix(6))
        guard bytes.count == 5, bytes[2] == UInt8(ascii: ":") else { return nil }
        let digits = [bytes[0], bytes[1], bytes[3], bytes[4]].map { Int($0) - 48 }
        guard digits.allSatisfy({ (0...9).contains($0) }), digits[2] < 6 else { return nil }
        self.init(minutes: (digits[0] * 10 + digits[1]) * 60 + digits[2] * 10 + digits[3])
    }

    /// Orders times from early to late.
    public static func < (left: LocalTime, right: LocalTime) -> Bool { left.minutes < right.minutes }

    /// `HH:mm`
    public var description: String {
        func padded(_ value: Int) -> String { value < 10 ? "0\(value)" : "\(value)" }
        return "\(padded(minutes / 60)):\(padded(minutes % 60))"
    }

    /// The schema of a time of day.
    public static var _schema: Schema { Schema(.string(pattern: "^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$")) }

    /// Reads `HH:mm`. Any other text is a violation.
    public static func _decode(_ decoder: inout _MessageDecoder) throws(MalformedValue) -> LocalTime? {
        try decoder.text("a time of day", violation: "time", "must be a time of day, such as 09:30") { LocalTime($0) }
    }

    /// Writes `HH:mm`.
    public func _encode(to writer: inout _ValueWriter) { writer.write(description) }
}

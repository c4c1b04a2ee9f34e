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
        var text = text
        guard let minutes = text.withUTF8(Self.minutes) else { return nil }
        self.init(minutes: minutes)
    }

    /// Allocates nothing, because each vendor of a list has fourteen times.
    private static func minutes(_ text: UnsafeBufferPointer<UInt8>) -> Int? {
        guard text.count == 5, text[2] == UInt8(ascii: ":") else { return nil }
        func number(at index: Int) -> Int? {
            let (tens, ones) = (text[index] &- UInt8(ascii: "0"), text[index + 1] &- UInt8(ascii: "0"))
            return tens < 10 && ones < 10 ? Int(tens) * 10 + Int(ones) : nil
        }
        guard let hours = number(at: 0), let minutes = number(at: 3), minutes < 60 else { return nil }
        return hours * 60 + minutes
    }

    /// Orders times from early to late.
    public static func < (left: LocalTime, right: LocalTime) -> Bool { left.minutes < right.minutes }

    /// `HH:mm`
    public var description: String {
        String(unsafeUninitializedCapacity: 5) { text in
            func put(_ value: Int, at index: Int) {
                text[index] = UInt8(ascii: "0") + UInt8(value / 10)
                text[index + 1] = UInt8(ascii: "0") + UInt8(value % 10)
            }
            put(minutes / 60, at: 0)
            text[2] = UInt8(ascii: ":")
            put(minutes % 60, at: 3)
            return 5
        }
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

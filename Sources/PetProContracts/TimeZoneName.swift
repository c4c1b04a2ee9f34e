import Foundation
public import Rookery

/// The name of a time zone of the IANA database, such as `Europe/Berlin`, or `UTC`.
public struct TimeZoneName: MessageValue, Hashable, CustomStringConvertible {
    /// The name.
    public let rawValue: String

    /// A name that the database has; nil for others.
    public init?(_ name: String) {
        guard Self.known.contains(name) else { return nil }
        rawValue = name
    }

    /// `UTC`
    public static let utc = TimeZoneName(known: "UTC")

    private init(known name: String) { rawValue = name }

    /// The names without the abbreviations and offsets that Foundation takes for zones as well.
    private static let known: Set<String> = Set(
        TimeZone.knownTimeZoneIdentifiers.filter { $0.contains("/") && !$0.hasPrefix("SystemV/") }
    ).union(["UTC"])

    /// The name.
    public var description: String { rawValue }

    /// Reads a name. One that is unknown is a violation.
    public static func decode(_ decoder: inout MessageDecoder) throws(MalformedValue) -> TimeZoneName? {
        guard try decoder.reader.peek() == .string else {
            try decoder.mismatch("a time zone")
            return nil
        }
        if let value = TimeZoneName(try decoder.reader.readString()) { return value }
        decoder.violated("timeZone", "must be an IANA time zone, such as Europe/Berlin")
        return nil
    }

    /// Writes the name.
    public func encode(to writer: inout ValueWriter) { writer.write(rawValue) }
}

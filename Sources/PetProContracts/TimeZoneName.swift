import Foundation
public import Rookery

/// The name of a time zone of the IANA database, such as `Europe/Berlin`, or `UTC`.
public struct TimeZoneName: RawRepresentable, MessageValue, Hashable, CustomStringConvertible {
    /// The name.
    public let rawValue: String

    /// Makes a name that the database has. Returns nil for any other name.
    public init?(rawValue: String) {
        guard Self.known.contains(rawValue) else { return nil }
        self.rawValue = rawValue
    }

    /// A string in the form `iana-time-zone`.
    public static var _schema: Schema { Schema(.string(format: "iana-time-zone")) }

    /// Reads a name. An unknown name is a violation.
    public static func _decode(_ decoder: inout _MessageDecoder) throws(MalformedValue) -> TimeZoneName? {
        try decoder.text(
            "a time zone", violation: "timeZone", "must be an IANA time zone, such as Europe/Berlin"
        ) { TimeZoneName(rawValue: $0) }
    }

    /// `UTC`
    public static let utc = TimeZoneName(known: "UTC")

    private init(known name: String) { rawValue = name }

    /// The known names, without the abbreviations and offsets that Foundation also accepts.
    private static let known: Set<String> = Set(
        TimeZone.knownTimeZoneIdentifiers.filter { $0.contains("/") && !$0.hasPrefix("SystemV/") }
    ).union(["UTC"])

    /// The name.
    public var description: String { rawValue }
}

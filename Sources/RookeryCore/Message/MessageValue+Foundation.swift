public import RookeryWire

#if canImport(FoundationEssentials)
public import FoundationEssentials
#else
public import Foundation
#endif

// Foundation's types, as text.

extension UUID: MessageValue {
    /// A string of 36 characters.
    public static var _schema: Schema { Schema(.string(format: "uuid")) }

    /// Reads a UUID in upper or lower case.
    public static func _decode(_ decoder: inout _MessageDecoder) throws(MalformedValue) -> UUID? {
        try decoder.text("a UUID", violation: "uuid", "must be a UUID, such as 123e4567-e89b-12d3-a456-426614174000") {
            UUID(uuidString: $0)
        }
    }

    /// Writes the UUID in lower case (RFC 9562, 4).
    public func _encode(to writer: inout _ValueWriter) { writer.write(uuidString.lowercased()) }
}

extension Date: MessageValue {
    /// An RFC 3339 date and time.
    public static var _schema: Schema { Instant._schema }

    /// Reads an RFC 3339 date and time, truncated to milliseconds.
    public static func _decode(_ decoder: inout _MessageDecoder) throws(MalformedValue) -> Date? {
        try Instant._decode(&decoder).map { Date(timeIntervalSince1970: Double($0.milliseconds) / 1000) }
    }

    /// Writes the date as JavaScript's `toISOString` does, rounded to milliseconds.
    ///
    /// Clamps dates to JavaScript's range, ±8.64e15 ms from 1970. Writes NaN as 1970-01-01T00:00:00.000Z.
    public func _encode(to writer: inout _ValueWriter) {
        let milliseconds = (timeIntervalSince1970 * 1000).rounded()
        let reach = 8.64e15
        let clamped = milliseconds.isNaN ? 0 : min(reach, max(-reach, milliseconds))
        Instant(milliseconds: Int64(clamped))._encode(to: &writer)
    }
}

extension Data: MessageValue {
    /// Base64.
    public static var _schema: Schema { Schema(.string(format: "byte")) }

    /// Reads base64 with padding (RFC 4648, 4).
    public static func _decode(_ decoder: inout _MessageDecoder) throws(MalformedValue) -> Data? {
        try decoder.text("base64", violation: "base64", "must be base64") { Data(base64Encoded: $0) }
    }

    /// Writes base64 with padding.
    public func _encode(to writer: inout _ValueWriter) { writer.write(base64EncodedString()) }
}

extension URL: MessageValue {
    /// A URI.
    public static var _schema: Schema { Schema(.string(format: "uri")) }

    /// Reads an absolute URL: one with a scheme.
    public static func _decode(_ decoder: inout _MessageDecoder) throws(MalformedValue) -> URL? {
        try decoder.text("a URL", violation: "url", "must be a URL, such as https://example.com/") { text in
            guard let url = URL(string: text), url.scheme != nil else { return nil }
            return url
        }
    }

    /// Writes the URL.
    public func _encode(to writer: inout _ValueWriter) { writer.write(absoluteString) }
}

package import RookeryWire

/// JSON text that is ready to send.
package struct RawJSON: MessageValue, Hashable {
    /// Any value.
    package static var _schema: Schema { Schema(.any) }

    /// The text.
    package let text: String

    /// Creates the value from text, which must be one JSON value.
    package init(_ text: String) { self.text = text }

    /// Reads any value and keeps its JSON text.
    package static func _decode(_ decoder: inout _MessageDecoder) throws(MalformedValue) -> RawJSON? {
        RawJSON(try decoder.reader.readValue().jsonText)
    }

    /// Writes the text as it is. In other formats than JSON, writes the value of the text.
    package func _encode(to writer: inout _ValueWriter) {
        if writer.format == .json {
            Array(text.utf8).withUnsafeBytes { writer.verbatim($0) }
        } else {
            // The text is not JSON, although `init` requires it. Write null.
            ((try? JSONValue(parsing: text)) ?? .null).write(to: &writer)
        }
    }
}

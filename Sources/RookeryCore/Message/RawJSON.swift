package import RookeryWire

/// JSON text that is ready to send.
package struct RawJSON: MessageValue, Hashable {
    /// Anything.
    package static var _schema: Schema { Schema(.any) }

    /// The text.
    package let text: String

    /// Takes text, which must be one JSON value.
    package init(_ text: String) { self.text = text }

    /// Keeps the text of any value.
    package static func _decode(_ decoder: inout _MessageDecoder) throws(MalformedValue) -> RawJSON? {
        RawJSON(try decoder.reader.readValue().jsonText)
    }

    /// Writes the text as it is; in another format than JSON, the value that it stands for.
    package func _encode(to writer: inout _ValueWriter) {
        if writer.format == .json {
            Array(text.utf8).withUnsafeBytes { writer.verbatim($0) }
        } else {
            // Text that is no JSON was promised not to come; null is all that can be said then.
            ((try? JSONValue(parsing: text)) ?? .null).write(to: &writer)
        }
    }
}

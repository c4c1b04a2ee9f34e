public import RookeryWire

/// See ``_Empty``.
package typealias Empty = _Empty

/// A message without members. It writes `{}`, and reads any value or none.
public struct _Empty: Message, Hashable {
    /// An object without members.
    public static var _schema: Schema { ._message("Empty", nil) { [] } }

    /// Creates an empty message.
    public init() {}
    /// Skips any value.
    public static func _decode(_ decoder: inout _MessageDecoder) throws(MalformedValue) -> _Empty? {
        try decoder.reader.skipValue()
        return _Empty()
    }
    /// Writes `{}`.
    public func _encode(to writer: inout _ValueWriter) {
        writer.beginObject(0)
        writer.endObject()
    }
    /// An empty message, because an absent value is valid.
    public static var _whenAbsent: _Empty? { _Empty() }
}

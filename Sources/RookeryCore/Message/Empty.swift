public import RookeryWire

/// See ``_Empty``.
package typealias Empty = _Empty

/// A message without members: `{}` is written; anything, or nothing, is read.
public struct _Empty: Message, Hashable {
    /// An object without members.
    public static var _schema: Schema { ._message("Empty", nil) { [] } }

    /// Makes one.
    public init() {}
    /// Passes over whatever came.
    public static func _decode(_ decoder: inout _MessageDecoder) throws(MalformedValue) -> _Empty? {
        try decoder.reader.skipValue()
        return _Empty()
    }
    /// Writes `{}`.
    public func _encode(to writer: inout _ValueWriter) {
        writer.beginObject(0)
        writer.endObject()
    }
    /// Absent is as good.
    public static var _whenAbsent: _Empty? { _Empty() }
}

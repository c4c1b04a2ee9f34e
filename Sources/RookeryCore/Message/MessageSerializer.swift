public import RookeryWire

/// A serializer of one's own for negotiated frames, beside JSON and MessagePack, which are built in.
///
/// It sees messages as values of JSON's kinds, so that every message type works with it without further code; that costs a
/// tree for each message, which the built-in ones do without. Peers agree on it by its name: give one name to one format
/// for ever. `docs/serializers.md` has an example.
public protocol MessageSerializer: Sendable {
    /// The name by which peers agree on it, such as `cbor`.
    var name: String { get }

    /// Writes a value. What it throws fails the call, as `Internal server error` at a server.
    func encode(_ value: JSONValue) throws -> [UInt8]

    /// Reads what ``encode(_:)`` wrote, at whatever peer. Throws when the bytes are nothing of the kind; must take any
    /// bytes at all.
    func decode(_ bytes: UnsafeRawBufferPointer) throws -> JSONValue
}

public import RookeryWire

/// A custom serializer for negotiated frames, in addition to the built-in JSON and MessagePack.
///
/// It handles messages as JSON values, so every message type works without further code. That costs a tree for each
/// message, which the built-in serializers do not need. Peers negotiate a serializer by its name, so a name must always
/// mean the same format. `docs/serializers.md` has an example.
public protocol MessageSerializer: Sendable {
    /// The name that peers use to negotiate it, such as `cbor`.
    var name: String { get }

    /// Encodes a value. If it throws, the call fails. A server then sends `Internal server error`.
    func encode(_ value: JSONValue) throws -> [UInt8]

    /// Decodes bytes that ``encode(_:)`` wrote at any peer. Throws if the bytes are not valid. Must handle arbitrary
    /// bytes.
    func decode(_ bytes: UnsafeRawBufferPointer) throws -> JSONValue
}

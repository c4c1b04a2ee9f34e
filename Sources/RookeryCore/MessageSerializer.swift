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

/// Which serializers a client or server has, and which a client uses.
public struct SerializerChoice: Sendable {
    /// Serializers beside the built-in ones.
    public var custom: [any MessageSerializer]
    /// The one that a client uses, if the server has it too; JSON if not. Default `json`.
    public var preferred: String
    /// Other choices for some patterns, by the pattern's normal form.
    public var byPattern: [String: String]

    /// JSON, unless said otherwise.
    public init(
        preferred: String = ValueFormat.json.name, byPattern: [Pattern: String] = [:],
        custom: [any MessageSerializer] = []
    ) {
        self.custom = custom
        self.preferred = preferred
        self.byPattern = Dictionary(uniqueKeysWithValues: byPattern.map { ($0.key.route, $0.value) })
    }

    /// All names, the preferred one first.
    public var names: [String] {
        let all = ValueFormat.allCases.map(\.name) + custom.map(\.name)
        return all.filter { $0 == preferred } + all.filter { $0 != preferred }
    }
}

/// How values are written. The envelope of the Nest wire is always JSON; payloads of negotiated frames may be either.
public enum _ValueFormat: UInt8, Sendable, Hashable, CaseIterable {
    /// JSON text, as JavaScript writes it.
    case json
    /// MessagePack (github.com/msgpack/msgpack, spec.md), in the shortest form of every value.
    case messagePack

    /// The name by which peers agree on it.
    public var name: String {
        switch self {
        case .json: "json"
        case .messagePack: "messagepack"
        }
    }
}

/// The encoding of values. Text packets are always JSON; the payload of a negotiated frame may use either format.
public enum _ValueFormat: UInt8, Sendable, Hashable, CaseIterable {
    /// JSON text, as `JSON.stringify` writes it.
    case json
    /// MessagePack (github.com/msgpack/msgpack, spec.md). Writers use the shortest form of each value.
    case messagePack

    /// The name that peers use to negotiate the format.
    public var name: String {
        switch self {
        case .json: "json"
        case .messagePack: "messagepack"
        }
    }
}

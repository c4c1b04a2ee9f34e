import RookeryCore
import RookeryWire

/// The encoding of a payload: a built-in format, or a custom serializer.
enum Codec: Sendable {
    case format(ValueFormat)
    case custom(any MessageSerializer)

    init?(_ name: String, custom: [any MessageSerializer]) {
        if let format = ValueFormat.allCases.first(where: { $0.name == name }) {
            self = .format(format)
        } else if let serializer = custom.first(where: { $0.name == name }) {
            self = .custom(serializer)
        } else {
            return nil
        }
    }
}

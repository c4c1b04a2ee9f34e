import RookeryCore
import RookeryWire

/// How a payload is written: in a format of our own, or by a user's serializer.
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

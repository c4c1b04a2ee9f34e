import RookeryCore
import RookeryWire

/// What the two ends of a connection have agreed on.
final class Negotiated: Sendable {
    let reply: HelloReply
    /// By the numbers that frames carry.
    let codecs: [Codec]
    /// The same, as far as the formats are our own: these are looked at for each message, and copying one costs nothing.
    private let formats: [ValueFormat?]
    let compresses: Bool
    /// The numbers of the server's patterns, by their normal form.
    let patterns: [String: UInt16]
    private let numbers: [String: UInt8]

    /// Nil when the peer named a serializer that was not offered.
    init?(_ reply: HelloReply, _ choice: SerializerChoice) {
        self.reply = reply
        codecs = reply.serializers.prefix(256).compactMap { Codec($0, custom: choice.custom) }
        guard codecs.count == reply.serializers.count, !codecs.isEmpty else { return nil }
        formats = codecs.map { if case .format(let format) = $0 { format } else { nil } }
        compresses = reply.compressions.contains(Compression.name)
        patterns = Dictionary(
            reply.patterns.prefix(65_536).enumerated().map { ($1, UInt16($0)) }, uniquingKeysWith: { first, _ in first }
        )
        numbers = Dictionary(
            reply.serializers.enumerated().map { ($1, UInt8($0)) }, uniquingKeysWith: { first, _ in first })
    }

    /// The number of a serializer; of the first one agreed on when the peer does not have that one.
    func number(of serializer: String) -> UInt8 { numbers[serializer] ?? 0 }

    /// The format of that number, if it is one of our own.
    func format(_ number: UInt8) -> ValueFormat? { Int(number) < formats.count ? formats[Int(number)] : nil }

    func codec(_ number: UInt8) throws(FramingError) -> Codec {
        guard Int(number) < codecs.count else { throw .damagedFrame("the serializer was not agreed on") }
        return codecs[Int(number)]
    }
}

extension ValueWriter {
    /// Writes a payload in a format of our own.
    mutating func payload<Value: MessageValue>(_ value: Value, _ format: ValueFormat) {
        self.format = format
        value._encode(to: &self)
        self.format = .json
    }

    /// Writes a payload. A user's serializer may throw; what it wrote of the payload is to be taken back then.
    mutating func payload<Value: MessageValue>(_ value: Value, _ codec: Codec) throws {
        switch codec {
        case .format(let format): payload(value, format)
        case .custom(let serializer):
            let bytes = try serializer.encode(try JSONValue(value.bytes(as: .json), format: .json))
            bytes.withUnsafeBytes { append($0) }
        }
    }
}

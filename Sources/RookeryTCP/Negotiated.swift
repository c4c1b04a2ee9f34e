import RookeryCore
import RookeryWire

/// What the client and the server of a connection agreed on.
final class Negotiated: Sendable {
    let reply: HelloReply
    /// The codecs, by the serializer number in frames.
    let codecs: [Codec]
    /// The built-in formats among `codecs`, by the same number. Each message looks one up, and copying a format costs
    /// nothing.
    private let formats: [ValueFormat?]
    let compresses: Bool
    let takesClientStreams: Bool
    /// The numbers of the server's patterns, by the pattern's normal form.
    let patterns: [String: UInt16]
    private let numbers: [String: UInt8]

    /// Nil if the server named no serializer, or one that was not offered.
    init?(_ reply: HelloReply, _ choice: SerializerChoice) {
        self.reply = reply
        codecs = reply.serializers.prefix(256).compactMap { Codec($0, custom: choice.custom) }
        guard codecs.count == reply.serializers.count, !codecs.isEmpty else { return nil }
        formats = codecs.map { if case .format(let format) = $0 { format } else { nil } }
        compresses = reply.compressions.contains(Compression.name)
        takesClientStreams = reply.features.contains(Hello.clientStreams)
        patterns = Dictionary(
            reply.patterns.prefix(65_536).enumerated().map { ($1, UInt16($0)) }, uniquingKeysWith: { first, _ in first }
        )
        numbers = Dictionary(
            reply.serializers.enumerated().map { ($1, UInt8($0)) }, uniquingKeysWith: { first, _ in first })
    }

    /// The number of a serializer, or of the first agreed one if the server does not have `serializer`.
    func number(of serializer: String) -> UInt8 { numbers[serializer] ?? 0 }

    /// The built-in format with this number; nil for a custom serializer.
    func format(_ number: UInt8) -> ValueFormat? { Int(number) < formats.count ? formats[Int(number)] : nil }

    func codec(_ number: UInt8) throws(FramingError) -> Codec {
        guard Int(number) < codecs.count else { throw .damagedFrame("the serializer was not agreed on") }
        return codecs[Int(number)]
    }
}

extension ValueWriter {
    /// Writes a payload in a built-in format.
    mutating func payload<Value: MessageValue>(_ value: Value, _ format: ValueFormat) {
        self.format = format
        value._encode(to: &self)
        self.format = .json
    }

    /// Writes a payload. Throws what a custom serializer throws; the caller then discards what was written.
    mutating func payload<Value: MessageValue>(_ value: Value, _ codec: Codec) throws {
        switch codec {
        case .format(let format): payload(value, format)
        case .custom(let serializer):
            let bytes = try serializer.encode(try JSONValue(value.bytes(as: .json), format: .json))
            bytes.withUnsafeBytes { append($0) }
        }
    }
}

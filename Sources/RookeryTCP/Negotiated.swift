import NIOCore
import RookeryCore
import RookeryWire

/// How a payload is written: in a format of our own, or by somebody's serializer.
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

    /// Nil when the peer named a serializer that nobody offered.
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

    /// Writes a payload. A serializer of somebody's own may throw; what it wrote of the payload is to be taken back then.
    mutating func payload<Value: MessageValue>(_ value: Value, _ codec: Codec) throws {
        switch codec {
        case .format(let format): payload(value, format)
        case .custom(let serializer):
            let bytes = try serializer.encode(try JSONValue(value.bytes(as: .json), format: .json))
            bytes.withUnsafeBytes { append($0) }
        }
    }
}

/// What a negotiated frame carries behind its header.
enum FramePayload {
    /// Bytes of the payload, inflated: what its beginning says, which is only believed when it has been read.
    static func originalSize(_ header: BinaryHeader, _ body: ByteBuffer) -> Int {
        let start = Int(header.metadataLength)
        guard header.flags.contains(.compressed) else { return body.readableBytes - start }
        let size = body.getInteger(at: body.readerIndex + start, endianness: .little, as: UInt32.self)
        return Int(size ?? 0)
    }

    /// The payload, inflated and, when a serializer of somebody's own wrote it, as JSON. Throws ``FramingError`` when it is
    /// not what its header says, and what such a serializer throws.
    static func read(
        _ header: BinaryHeader, _ body: ByteBuffer, _ negotiated: Negotiated, _ compression: Compression, limit: Int
    ) throws -> Payload {
        if !header.flags.contains(.compressed), let format = negotiated.format(header.serializer) {
            let start = Int(header.metadataLength)
            return Payload(
                body: body, range: ByteRange(start: start, count: body.readableBytes - start), format: format)
        }
        if header.flags.contains(.compressed), !negotiated.compresses {
            throw FramingError.damagedFrame("no compression was agreed on")
        }
        return try readOther(header, body, try negotiated.codec(header.serializer), compression, limit: limit)
    }

    private static func readOther(
        _ header: BinaryHeader, _ body: ByteBuffer, _ codec: Codec, _ compression: Compression, limit: Int
    ) throws -> Payload {
        let start = Int(header.metadataLength)
        var body = body
        var range = ByteRange(start: start, count: body.readableBytes - start)
        if header.flags.contains(.compressed) {
            do throws(Compression.Fault) {
                body = try body.withBytes(of: range) { (bytes) throws(Compression.Fault) in
                    try compression.decompress(bytes, limit: limit)
                }
            } catch {
                switch error {
                case .tooLarge(let original, let limit):
                    throw FramingError.frameTooLarge(declared: original, limit: limit)
                case .damaged: throw FramingError.damagedFrame("the payload cannot be inflated")
                }
            }
            range = ByteRange(start: 0, count: body.readableBytes)
        }
        switch codec {
        case .format(let format): return Payload(body: body, range: range, format: format)
        case .custom(let serializer):
            guard range.isPresent else { return .absent }
            let value = try body.withBytes(of: range) { try serializer.decode($0) }
            let text = ByteBuffer(bytes: value.bytes(as: .json))
            return Payload(body: text, range: ByteRange(start: 0, count: text.readableBytes))
        }
    }
}

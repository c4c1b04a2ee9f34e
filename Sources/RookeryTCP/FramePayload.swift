import NIOCore
import RookeryCore
import RookeryWire

/// The payload that a binary frame carries behind its header.
enum FramePayload {
    /// Returns the size of the inflated payload, in bytes. For a compressed payload this is the size that its first
    /// four bytes state; `read` verifies it.
    static func originalSize(_ header: BinaryHeader, _ body: ByteBuffer) -> Int {
        let start = Int(header.metadataLength)
        guard header.flags.contains(.compressed) else { return body.readableBytes - start }
        let size = body.getInteger(at: body.readerIndex + start, endianness: .little, as: UInt32.self)
        return Int(size ?? 0)
    }

    /// Reads the payload: inflates it, and turns the value of a custom serializer into JSON.
    ///
    /// - Throws: ``FramingError`` if the payload is not what its header says, and what a custom serializer throws.
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

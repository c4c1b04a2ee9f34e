package import NIOCore

/// The fixed part of a binary frame, which two peers use once they have agreed on it. `docs/wire.md` has it byte by byte.
///
/// It alone routes, cancels and times out a call; what follows is not looked at for that.
package struct BinaryHeader: Sendable, Hashable {
    /// What a frame is about.
    package enum Kind: UInt8, Sendable, CaseIterable {
        /// A call that is answered.
        case request = 0x81
        /// A message that is not.
        case event = 0x82
        /// A value: the reply, or one of a stream.
        case value = 0x83
        /// The end of a stream, or a reply that carries nothing.
        case end = 0x84
        /// The call failed; the payload is what stands at `err` on the plain wire.
        case error = 0x85
        /// The caller waits no longer.
        case cancel = 0x86
        /// `amount` more values of a stream may be sent.
        case credit = 0x87
        /// Asks for a pong with the same id.
        case ping = 0x88
        /// Answers a ping.
        case pong = 0x89
        /// The sender will close the connection: no new calls, please.
        case goAway = 0x8A
    }

    /// How a frame is to be taken.
    package struct Flags: OptionSet, Sendable, Hashable {
        /// The bits.
        package let rawValue: UInt8
        /// Flags of these bits.
        package init(rawValue: UInt8) { self.rawValue = rawValue }
        /// The payload is compressed: the length of the original as UInt32, then a zlib stream (RFC 1950).
        package static let compressed = Flags(rawValue: 1)
        /// This value is the last.
        package static let last = Flags(rawValue: 2)
    }

    /// Bytes of a header.
    package static let size = 24
    /// Values of a stream that may be sent before any credit was granted.
    package static let initialCredit = 32

    /// The first byte; other values than those of ``Kind`` belong to later versions and are passed over.
    package var code: UInt8
    /// How to take it.
    package var flags: Flags = []
    /// Which of the agreed serializers wrote the payload.
    package var serializer: UInt8 = 0
    /// Which of the server's patterns is meant.
    package var pattern: UInt16 = 0
    /// Bytes of metadata, at the beginning of what follows the header.
    package var metadataLength: UInt16 = 0
    /// Bytes that follow the header.
    package var length: UInt32 = 0
    /// Of a request: milliseconds that the caller will wait, 0 when it did not say. Of a credit: how many values.
    package var amount: UInt32 = 0
    /// The call.
    package var id: UInt64

    /// A header.
    package init(_ kind: Kind, id: UInt64) {
        code = kind.rawValue
        self.id = id
    }

    /// What the frame is about; nil when this version does not know it.
    package var kind: Kind? { Kind(rawValue: code) }

    /// Reads a header from its bytes, of which there must be ``size``.
    init(_ bytes: UnsafeRawBufferPointer) {
        code = bytes[0]
        flags = Flags(rawValue: bytes[1])
        serializer = bytes[2]
        pattern = UInt16(littleEndian: bytes.loadUnaligned(fromByteOffset: 4, as: UInt16.self))
        metadataLength = UInt16(littleEndian: bytes.loadUnaligned(fromByteOffset: 6, as: UInt16.self))
        length = UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt32.self))
        amount = UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: 12, as: UInt32.self))
        id = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: 16, as: UInt64.self))
    }

    fileprivate func store(at place: UnsafeMutableRawPointer) {
        place.storeBytes(of: code, toByteOffset: 0, as: UInt8.self)
        place.storeBytes(of: flags.rawValue, toByteOffset: 1, as: UInt8.self)
        place.storeBytes(of: serializer, toByteOffset: 2, as: UInt8.self)
        place.storeBytes(of: 0, toByteOffset: 3, as: UInt8.self)
        place.storeBytes(of: pattern.littleEndian, toByteOffset: 4, as: UInt16.self)
        place.storeBytes(of: metadataLength.littleEndian, toByteOffset: 6, as: UInt16.self)
        place.storeBytes(of: length.littleEndian, toByteOffset: 8, as: UInt32.self)
        place.storeBytes(of: amount.littleEndian, toByteOffset: 12, as: UInt32.self)
        place.storeBytes(of: id.littleEndian, toByteOffset: 16, as: UInt64.self)
    }
}

/// A frame, as the decoder cuts it.
package enum Frame: Sendable, Hashable {
    /// `<length>#<JSON text>`: the text, valid UTF-8.
    case text(ByteBuffer)
    /// A binary frame: its header, and the metadata and payload that follow.
    case binary(BinaryHeader, ByteBuffer)
    /// A frame that was passed over, because it is over a limit or there was no memory for it.
    case skipped(SkippedFrame)
}

/// Metadata in a binary frame: for each entry the length of its name as UInt16, the name, the length of its value as
/// UInt16, the value.
package enum BinaryMetadata {
    /// Reads metadata; nil when the bytes are not whole entries.
    package static func read(_ bytes: UnsafeRawBufferPointer) -> [String: String]? {
        var metadata: [String: String] = [:]
        var at = 0
        func text() -> String? {
            guard at + 2 <= bytes.count else { return nil }
            let length = Int(UInt16(littleEndian: bytes.loadUnaligned(fromByteOffset: at, as: UInt16.self)))
            guard at + 2 + length <= bytes.count else { return nil }
            defer { at += 2 + length }
            return String(decoding: bytes[(at + 2)..<(at + 2 + length)], as: UTF8.self)
        }
        while at < bytes.count {
            guard let name = text(), let value = text() else { return nil }
            metadata[name] = value
        }
        return metadata
    }
}

extension ValueWriter {
    /// Begins a binary frame: leaves room for its header. Pass the result to ``endBinaryFrame(_:_:)``.
    package mutating func beginBinaryFrame() -> Int {
        let start = written
        reserve(BinaryHeader.size)
        written &+= BinaryHeader.size
        return start
    }

    /// Ends a binary frame: writes its header, the length being known now.
    package mutating func endBinaryFrame(_ start: Int, _ header: BinaryHeader) {
        var header = header
        header.length = UInt32(truncatingIfNeeded: written &- start &- BinaryHeader.size)
        header.store(at: UnsafeMutableRawPointer(base + start))
    }

    /// Takes back a binary frame.
    package mutating func abandonBinaryFrame(_ start: Int) { written = start }

    /// Writes a frame that is only a header.
    package mutating func binaryFrame(_ header: BinaryHeader) {
        endBinaryFrame(beginBinaryFrame(), header)
    }

    /// Writes metadata, in the order of its names, and says how many bytes it has. Nil when a frame cannot say so many;
    /// what was written is then to be taken back with the frame.
    package mutating func binaryMetadata(_ metadata: [String: String]) -> UInt16? {
        let start = written
        for (name, value) in metadata.sorted(by: { $0.key < $1.key }) {
            let room = Int(UInt16.max) - (written - start)
            guard name.utf8.count + value.utf8.count + 4 <= room else { return nil }
            for text in [name, value] {
                append(littleEndian: UInt16(text.utf8.count))
                var text = text
                text.withUTF8 { append(UnsafeRawBufferPointer($0)) }
            }
        }
        return UInt16(written - start)
    }

    mutating func append<Integer: FixedWidthInteger>(littleEndian value: Integer) {
        Swift.withUnsafeBytes(of: value.littleEndian) { append($0) }
    }
}

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

    func store(at place: UnsafeMutableRawPointer) {
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

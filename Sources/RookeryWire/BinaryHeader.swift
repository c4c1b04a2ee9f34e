/// The fixed part of a binary frame, for peers that negotiated the extension. `docs/wire.md` describes each byte.
///
/// The header alone is enough to route, cancel and time out a call, without reading the metadata or the payload.
package struct BinaryHeader: Sendable, Hashable {
    /// The type of a frame.
    package enum Kind: UInt8, Sendable, CaseIterable {
        /// A call that expects a reply.
        case request = 0x81
        /// A message that expects no reply.
        case event = 0x82
        /// One value: the reply, or one value of a stream. From a client, a value of its client stream.
        case value = 0x83
        /// The end of a stream, or a reply without a value. From a client, the end of its client stream.
        case end = 0x84
        /// The call failed. The payload is the JSON that a text packet has in `err`.
        case error = 0x85
        /// The caller no longer waits for the call.
        case cancel = 0x86
        /// Grants the sender of a stream `amount` more values.
        case credit = 0x87
        /// Asks the peer for a pong with the same id.
        case ping = 0x88
        /// Answers a ping.
        case pong = 0x89
        /// The sender will close the connection and accepts no new calls on it.
        case goAway = 0x8A
    }

    /// Bits that say how to read a frame.
    package struct Flags: OptionSet, Sendable, Hashable {
        /// The raw bits.
        package let rawValue: UInt8
        /// Creates flags from raw bits.
        package init(rawValue: UInt8) { self.rawValue = rawValue }
        /// The payload is compressed: the original length as UInt32, then a zlib stream (RFC 1950).
        package static let compressed = Flags(rawValue: 1)
        /// This value is the last of its call.
        package static let last = Flags(rawValue: 2)
        /// The client sends values of a client stream behind this request.
        package static let clientStream = Flags(rawValue: 4)
    }

    /// The length of a header in bytes.
    package static let size = 24
    /// The number of values that the sender of a stream may send before the receiver grants credit.
    package static let initialCredit = 32

    /// The first byte. The receiver skips a frame whose code is not a ``Kind``: later versions may define more.
    package var code: UInt8
    /// The flags of the frame. Default none.
    package var flags: Flags = []
    /// The serializer of the payload: its position in the negotiated list. Default 0.
    package var serializer: UInt8 = 0
    /// The pattern of the message: its position in the list that the server sent. Default 0.
    package var pattern: UInt16 = 0
    /// The length of the metadata in bytes. The metadata comes first after the header.
    package var metadataLength: UInt16 = 0
    /// The number of bytes after the header: metadata and payload.
    package var length: UInt32 = 0
    /// In a request: milliseconds that the caller will still wait, 0 for no deadline. In a credit: the number of
    /// values.
    package var amount: UInt32 = 0
    /// The number of the call, which the client chose. A pong repeats the number of its ping.
    package var id: UInt64

    /// Creates a header with all other fields zero.
    package init(_ kind: Kind, id: UInt64) {
        code = kind.rawValue
        self.id = id
    }

    /// The type of the frame. Nil if this version does not know it.
    package var kind: Kind? { Kind(rawValue: code) }

    /// Reads a header. `bytes` must have at least ``size`` bytes.
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

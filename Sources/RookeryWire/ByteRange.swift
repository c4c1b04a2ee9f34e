public import NIOCore

/// The position of one part of a packet, in bytes from the start of the frame's body.
@usableFromInline package struct ByteRange: Sendable, Hashable {
    /// The offset of the first byte.
    @usableFromInline package let start: Int
    /// The number of bytes. No JSON value is empty, so 0 marks an absent part.
    @usableFromInline package let count: Int

    /// Creates the range of `count` bytes from `start`.
    package init(start: Int, count: Int) {
        self.start = start
        self.count = count
    }

    init(_ range: Range<Int>) {
        self.init(start: range.lowerBound, count: range.count)
    }

    /// The range of an absent part.
    package static let absent = ByteRange(start: 0, count: 0)
    /// Whether the packet has this part. A part whose value is `null` is present.
    package var isPresent: Bool { count > 0 }
}

extension ByteBuffer {
    /// Calls `body` with the bytes of a part of this packet. The range must come from scanning this same buffer.
    @inlinable
    package func withBytes<R, Failure: Error>(
        of range: ByteRange, _ body: (UnsafeRawBufferPointer) throws(Failure) -> R
    ) throws(Failure) -> R {
        try withUnsafeReadableBytes { (bytes) throws(Failure) in
            try body(UnsafeRawBufferPointer(rebasing: bytes[range.start..<(range.start + range.count)]))
        }
    }

    /// Copies the bytes of a part of this packet.
    package func bytes(of range: ByteRange) -> [UInt8] { withBytes(of: range) { Array($0) } }

    /// Reads a part of this packet as a value. Returns nil if the part is absent; throws if the bytes are malformed.
    package func value(of range: ByteRange, format: ValueFormat = .json) throws(MalformedValue) -> JSONValue? {
        guard range.isPresent else { return nil }
        return try withBytes(of: range) { (bytes) throws(MalformedValue) in
            var reader = ValueReader(bytes, format: format)
            let value = try reader.readValue()
            try reader.finish()
            return value
        }
    }
}

extension ValueWriter {
    /// Writes the start of a request or event, up to its data: `{"pattern":…`.
    package mutating func beginPacket(pattern: UnsafeRawBufferPointer) {
        verbatim("{\"pattern\":")
        verbatim(pattern)
    }

    /// Writes `,"metadata":{…}` with the entries sorted by key. Writes nothing if `metadata` is empty.
    package mutating func packetMetadata(_ metadata: [String: String]) {
        if metadata.isEmpty { return }
        verbatim(",\"metadata\":{")
        for (name, value) in metadata.sorted(by: { $0.key < $1.key }) {
            key(dynamic: name)
            write(value)
        }
        verbatim("}")
    }

    /// Writes the end of a request: `,"id":"<id>"}`.
    package mutating func endRequest(id: UInt64) {
        verbatim(",\"id\":\"")
        write(id)
        verbatim("\"}")
    }

    /// Writes the end of a reply: `,"isDisposed":true,"id":…}`. `id` is the JSON text that the caller sent.
    package mutating func endReply(id: UnsafeRawBufferPointer, isLast: Bool) {
        if isLast { verbatim(",\"isDisposed\":true,\"id\":") } else { verbatim(",\"id\":") }
        verbatim(id)
        verbatim("}")
    }

    /// Writes a whole reply without a value: `{"isDisposed":true,"id":…}`.
    package mutating func emptyReply(id: UnsafeRawBufferPointer) {
        verbatim("{\"isDisposed\":true,\"id\":")
        verbatim(id)
        verbatim("}")
    }

    /// Writes the whole reply to a request whose pattern has no handler.
    package mutating func noHandlerReply(id: UnsafeRawBufferPointer) {
        verbatim("{\"id\":")
        verbatim(id)
        verbatim(
            ",\"status\":\"error\",\"err\":\"There is no matching message handler defined in the remote service.\"}"
        )
    }
}

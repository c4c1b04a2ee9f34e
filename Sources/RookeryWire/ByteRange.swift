public import NIOCore

/// Where a part of a packet lies in its frame's body.
@usableFromInline package struct ByteRange: Sendable, Hashable {
    /// The first byte.
    @usableFromInline package let start: Int
    /// How many bytes; no JSON value is empty, so 0 stands for an absent one.
    @usableFromInline package let count: Int

    /// The range of `count` bytes from `start`.
    package init(start: Int, count: Int) {
        self.start = start
        self.count = count
    }

    init(_ range: Range<Int>) {
        self.init(start: range.lowerBound, count: range.count)
    }

    /// No such part.
    package static let absent = ByteRange(start: 0, count: 0)
    /// Whether the part is there; `null` is.
    package var isPresent: Bool { count > 0 }
}

extension ByteBuffer {
    /// The bytes of a part of this packet. The range must come from scanning this very buffer.
    @inlinable
    package func withBytes<R, Failure: Error>(
        of range: ByteRange, _ body: (UnsafeRawBufferPointer) throws(Failure) -> R
    ) throws(Failure) -> R {
        try withUnsafeReadableBytes { (bytes) throws(Failure) in
            try body(UnsafeRawBufferPointer(rebasing: bytes[range.start..<(range.start + range.count)]))
        }
    }

    /// A copy of a part of this packet.
    package func bytes(of range: ByteRange) -> [UInt8] { withBytes(of: range) { Array($0) } }

    /// A part of this packet as a value; nil when it is absent.
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

    /// Writes `,"metadata":{…}` when there is any, in the order of its keys.
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

    /// Writes the end of a reply: `,"isDisposed":true,"id":…}`, the id as the caller wrote it.
    package mutating func endReply(id: UnsafeRawBufferPointer, isLast: Bool) {
        if isLast { verbatim(",\"isDisposed\":true,\"id\":") } else { verbatim(",\"id\":") }
        verbatim(id)
        verbatim("}")
    }

    /// Writes a reply without a value: `{"isDisposed":true,"id":…}`.
    package mutating func emptyReply(id: UnsafeRawBufferPointer) {
        verbatim("{\"isDisposed\":true,\"id\":")
        verbatim(id)
        verbatim("}")
    }

    /// Writes the whole answer to a request that no handler is for.
    package mutating func noHandlerReply(id: UnsafeRawBufferPointer) {
        verbatim("{\"id\":")
        verbatim(id)
        verbatim(
            ",\"status\":\"error\",\"err\":\"There is no matching message handler defined in the remote service.\"}"
        )
    }
}

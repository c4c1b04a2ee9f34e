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

/// A packet's parts, found in one pass over its frame's body and not yet read. Of duplicate keys the last one counts.
package struct PacketScan: Sendable {
    /// Whether the body is an object at all; other JSON values carry nothing.
    package private(set) var isObject = false
    /// `pattern`
    package private(set) var pattern = ByteRange.absent
    /// `data`
    package private(set) var data = ByteRange.absent
    /// `id`; a packet that has one is a request, whatever its value.
    package private(set) var id = ByteRange.absent
    /// `metadata`
    package private(set) var metadata = ByteRange.absent
    /// `response`
    package private(set) var response = ByteRange.absent
    /// `err`
    package private(set) var err = ByteRange.absent
    /// `isDisposed`
    package private(set) var isDisposed = ByteRange.absent

    /// Scans a frame's body; throws when it is not one JSON value.
    package init(_ body: ByteBuffer) throws(FramingError) {
        do throws(MalformedValue) {
            self = try body.withUnsafeReadableBytes { (bytes) throws(MalformedValue) in try PacketScan(bytes) }
        } catch {
            throw .notJSON(error)
        }
    }

    /// Scans a frame's body; throws when it is not one JSON value.
    package init(_ bytes: UnsafeRawBufferPointer) throws(MalformedValue) {
        var reader = ValueReader(bytes)
        guard try reader.peek() == .object else {
            try reader.skipValue()
            try reader.finish()
            return
        }
        isObject = true
        var members = try reader.beginObject()
        while let key = try reader.nextKey(&members) {
            let value = ByteRange(try reader.skipRange())
            if key.matches("id") {
                id = value
            } else if key.matches("pattern") {
                pattern = value
            } else if key.matches("data") {
                data = value
            } else if key.matches("response") {
                response = value
            } else if key.matches("isDisposed") {
                isDisposed = value
            } else if key.matches("err") {
                err = value
            } else if key.matches("metadata") {
                metadata = value
            }
        }
        try reader.finish()
    }
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

/// A reply as a Nest client understands it.
package enum ReplyPacket: Sendable, Hashable {
    /// A value, and whether it is the last one; an absent range is JavaScript's `undefined`.
    case value(ByteRange, isLast: Bool)
    /// The end, without a value.
    case end
    /// The call failed with what stands at `err`.
    case failure(ByteRange)
    /// A foreign packet, none of the known keys: it is itself the value, and the last.
    case foreign

    /// Sorts a scanned packet that has an id.
    package init(_ scan: PacketScan, in body: ByteBuffer) {
        let failed = scan.err.isPresent && body.withBytes(of: scan.err, Self.isTruthy)
        let disposed = scan.isDisposed.isPresent && body.withBytes(of: scan.isDisposed, Self.isTruthy)
        if failed {
            self = .failure(scan.err)
        } else if !scan.err.isPresent, !scan.response.isPresent, !scan.isDisposed.isPresent {
            self = .foreign
        } else if scan.response.isPresent {
            self = .value(scan.response, isLast: disposed)
        } else {
            self = disposed ? .end : .value(.absent, isLast: false)
        }
    }

    private static func isTruthy(_ json: UnsafeRawBufferPointer) -> Bool {
        switch json[0] {
        case UInt8(ascii: "t"), UInt8(ascii: "{"), UInt8(ascii: "["): return true
        case UInt8(ascii: "n"), UInt8(ascii: "f"): return false
        case UInt8(ascii: "\""): return json.count > 2
        default:
            var reader = ValueReader(json)
            guard let number = try? reader.readNumber() else { return false }
            switch number {
            case .int(let value): return value != 0
            case .uint: return true
            case .double(let value): return value != 0
            }
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

package import NIOCore

/// Cuts a byte stream into frames `<length>#<JSON text>`, and into binary frames once the peers negotiated them.
///
/// The length of a text frame counts UTF-16 code units. The decoder takes bytes in any slices. It resumes where it
/// stopped, so its work is linear in the length of the stream. A frame over the limit is an error. Up to a second
/// limit, the decoder instead skips the frame and reports ``Frame/skipped(_:)``. It checks the declared length before
/// it buffers the body. Do not use a decoder after it has thrown.
package struct FrameDecoder {
    /// The default limit of a frame's body: 8 MiB.
    package static let defaultFrameLimit = 8 * 1024 * 1024

    private enum Phase {
        /// Reads the length. White space may come before its first digit.
        case length(value: Int, digits: Int)
        /// Reads the body: `scanned` is the number of bytes already counted, `unitsLeft` the UTF-16 units still to
        /// come.
        case body(scanned: Int, unitsLeft: Int, declared: Int, needsRepair: Bool)
        /// Skips a body and keeps only its last bytes.
        case skippedBody(unitsLeft: Int, SkippedFrame)
        /// Reads the metadata and payload after a binary header.
        case binary(BinaryHeader)
        /// Skips the metadata and payload after a binary header.
        case skippedBinary(bytesLeft: Int, SkippedFrame)
    }

    private var buffer = ByteBuffer()
    private var phase = Phase.length(value: 0, digits: 0)
    private let frameLimit: Int
    private let skipLimit: Int
    /// Whether the peers negotiated binary frames. Default false: a binary frame is then an error.
    package var acceptsBinary = false

    /// Creates a decoder that rejects bodies of more than `frameLimit` bytes (default 8 MiB).
    ///
    /// The decoder skips a larger frame if its declared length is at most `skipLimit`, else it throws. Declared lengths
    /// are UTF-16 units for text and bytes for binary frames. Default `skipLimit` 0: it skips none.
    package init(frameLimit: Int = FrameDecoder.defaultFrameLimit, skipLimit: Int = 0) {
        self.frameLimit = frameLimit
        self.skipLimit = skipLimit
    }

    /// Whether the decoder has part of a frame, or bytes that it has not decoded yet.
    package var hasPartialFrame: Bool {
        switch phase {
        case .length(_, let digits): digits > 0 || buffer.readableBytes > 0
        case .body, .binary, .skippedBody, .skippedBinary: true
        }
    }

    /// The memory that undecoded bytes hold, in bytes. 0 if there are none.
    package var keptBytes: Int { buffer.readableBytes == 0 ? 0 : buffer.storageCapacity }

    /// Drops the partial frame, skips the rest of it, and then reports it as ``Frame/skipped(_:)``.
    ///
    /// Does nothing between frames, and while only a length or part of a header has arrived.
    package mutating func skipPartialFrame() {
        switch phase {
        case .body(let scanned, let unitsLeft, let declared, _):
            var skipped = SkippedFrame(declared: declared)
            skipped.keepTail(of: &buffer, scanned)
            phase = .skippedBody(unitsLeft: unitsLeft, skipped)
            // Keep the bytes of an incomplete character. Copy them, because a slice would keep the whole storage alive.
            buffer = ByteBuffer(bytes: buffer.readableBytesView)
        case .binary(let header):
            phase = .skippedBinary(bytesLeft: Int(header.length) - buffer.readableBytes, SkippedFrame(header))
            buffer = ByteBuffer()
        case .length, .skippedBody, .skippedBinary: break
        }
    }

    /// Frees the buffer if all of it has been read. Call it at the end of a burst of reads.
    package mutating func releaseMemory() {
        if buffer.readableBytes == 0 { buffer = ByteBuffer() }
    }

    /// Appends the next bytes of the stream.
    package mutating func append(_ bytes: consuming ByteBuffer) {
        if buffer.readableBytes == 0 {
            buffer = bytes
            return
        }
        // Compact only when at least as many bytes were read as remain, so that the copies stay linear over the stream.
        if buffer.readerIndex >= buffer.readableBytes { buffer.discardReadBytes() }
        buffer.writeBuffer(&bytes)
    }

    /// Returns the body of the next text frame, or nil if more bytes are needed.
    ///
    /// Use it only without binary frames and with a `skipLimit` of 0, because it also returns nil for a skipped frame.
    package mutating func next() throws(FramingError) -> ByteBuffer? {
        guard case .text(let body)? = try nextFrame() else { return nil }
        return body
    }

    /// Returns the next frame, or nil if more bytes are needed.
    package mutating func nextFrame() throws(FramingError) -> Frame? {
        if case .length(_, digits: 0) = phase, let whole = wholeFrame() {
            buffer.moveReaderIndex(forwardBy: whole.prefix)
            return buffer.readSlice(length: whole.body).map { .text($0) }
        }
        if case .length = phase {
            guard try readLength() else { return nil }
        }
        switch phase {
        case .length: return nil
        case .binary(let header):
            guard let body = buffer.readSlice(length: Int(header.length)) else { return nil }
            phase = .length(value: 0, digits: 0)
            return .binary(header, body)
        case .skippedBinary(let bytesLeft, let skipped): return skipBinary(bytesLeft, skipped)
        case .skippedBody(let unitsLeft, let skipped): return try skipBody(unitsLeft, skipped)
        case .body(let scanned, let unitsLeft, let declared, let needsRepair):
            return try readBody(scanned, unitsLeft, declared, needsRepair)
        }
    }

    private mutating func skipBinary(_ bytesLeft: Int, _ skipped: SkippedFrame) -> Frame? {
        let count = min(bytesLeft, buffer.readableBytes)
        buffer.moveReaderIndex(forwardBy: count)
        guard count == bytesLeft else {
            phase = .skippedBinary(bytesLeft: bytesLeft - count, skipped)
            return nil
        }
        phase = .length(value: 0, digits: 0)
        return .skipped(skipped)
    }

    private mutating func skipBody(_ unitsLeft: Int, _ skipped: SkippedFrame) throws(FramingError) -> Frame? {
        var (scanned, unitsLeft, needsRepair, skipped) = (0, unitsLeft, false, skipped)
        let failure = buffer.withUnsafeReadableBytes { Self.scan($0, &scanned, &unitsLeft, &needsRepair) }
        if let failure { throw failure }
        skipped.keepTail(of: &buffer, scanned)
        guard unitsLeft == 0 else {
            phase = .skippedBody(unitsLeft: unitsLeft, skipped)
            return nil
        }
        phase = .length(value: 0, digits: 0)
        return .skipped(skipped)
    }

    private mutating func readBody(
        _ scanned: Int, _ unitsLeft: Int, _ declared: Int, _ needsRepair: Bool
    ) throws(FramingError) -> Frame? {
        var (scanned, unitsLeft, needsRepair) = (scanned, unitsLeft, needsRepair)
        let failure: FramingError? = buffer.withUnsafeReadableBytes { bytes in
            Self.scan(bytes, &scanned, &unitsLeft, &needsRepair)
        }
        if let failure { throw failure }
        if scanned > frameLimit {
            // The frame has few UTF-16 units but many bytes.
            guard skipLimit > frameLimit else { throw .frameTooLarge(declared: declared, limit: frameLimit) }
            var skipped = SkippedFrame(declared: declared)
            skipped.keepTail(of: &buffer, scanned)
            return try skipBody(unitsLeft, skipped)
        }
        guard unitsLeft == 0, let body = buffer.readSlice(length: scanned) else {
            phase = .body(scanned: scanned, unitsLeft: unitsLeft, declared: declared, needsRepair: needsRepair)
            return nil
        }
        phase = .length(value: 0, digits: 0)
        return .text(needsRepair ? ByteBuffer(string: String(buffer: body)) : body)
    }

    /// Fast path: a complete ASCII frame whose length has at most five digits. Returns nil if the frame needs the full
    /// decoder.
    private func wholeFrame() -> (prefix: Int, body: Int)? {
        buffer.withUnsafeReadableBytes { bytes in
            var length = 0
            var at = 0
            let end = bytes.count
            while at < end, case let digit = bytes[at] &- 48, digit < 10, at < 5 {
                length = length &* 10 &+ Int(digit)
                at &+= 1
            }
            guard at > 0, at < end, bytes[at] == UInt8(ascii: "#") else { return nil }
            at &+= 1
            guard length > 0, length <= frameLimit, end &- at >= length,
                Self.isASCII(UnsafeRawBufferPointer(rebasing: bytes[at..<(at &+ length)]))
            else { return nil }
            return (at, length)
        }
    }

    private static func isASCII(_ bytes: UnsafeRawBufferPointer) -> Bool {
        let count = bytes.count
        var at = 0
        while at &+ 32 <= count {
            let block = bytes.loadUnaligned(fromByteOffset: at, as: SIMD4<UInt64>.self)
            if block & SIMD4(repeating: Words.high) != .zero { return false }
            at &+= 32
        }
        while at &+ 8 <= count {
            if bytes.loadUnaligned(fromByteOffset: at, as: UInt64.self) & Words.high != 0 { return false }
            at &+= 8
        }
        while at < count {
            if bytes[at] >= 0x80 { return false }
            at &+= 1
        }
        return true
    }

    /// Reads a length with its `#`, or a binary header. Returns false if more bytes are needed.
    private mutating func readLength() throws(FramingError) -> Bool {
        guard case .length(var value, var digits) = phase else { return false }
        while let byte = buffer.getInteger(at: buffer.readerIndex, as: UInt8.self) {
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"):
                digits += 1
                if digits > 10 { throw .lengthTooLong }
                value = value * 10 + Int(byte - 48)
            case UInt8(ascii: "#") where digits > 0:
                if value == 0 { throw .emptyFrame }
                buffer.moveReaderIndex(forwardBy: 1)
                if value > frameLimit {
                    if value > skipLimit { throw .frameTooLarge(declared: value, limit: frameLimit) }
                    phase = .skippedBody(unitsLeft: value, SkippedFrame(declared: value))
                } else {
                    phase = .body(scanned: 0, unitsLeft: value, declared: value, needsRepair: false)
                }
                return true
            case 0x20 where digits == 0, 0x09 where digits == 0, 0x0A where digits == 0, 0x0D where digits == 0: break
            case 0x80... where digits == 0: return try readHeader()
            default: throw .unexpectedByte(byte)
            }
            buffer.moveReaderIndex(forwardBy: 1)
        }
        phase = .length(value: value, digits: digits)
        return false
    }

    private mutating func readHeader() throws(FramingError) -> Bool {
        guard acceptsBinary else { throw .binaryNotNegotiated }
        guard let bytes = buffer.readSlice(length: BinaryHeader.size) else {
            phase = .length(value: 0, digits: 0)
            return false
        }
        let header = bytes.withUnsafeReadableBytes { BinaryHeader($0) }
        let length = Int(header.length)
        if Int(header.metadataLength) > length { throw .damagedFrame("its metadata is longer than the frame") }
        if length > frameLimit {
            if length > skipLimit { throw .frameTooLarge(declared: length, limit: frameLimit) }
            phase = .skippedBinary(bytesLeft: length, SkippedFrame(header))
        } else {
            phase = .binary(header)
        }
        return true
    }

    /// Continues to count UTF-16 units at byte `scanned`. Stops at the end of the frame or of the bytes.
    private static func scan(
        _ bytes: UnsafeRawBufferPointer,
        _ scanned: inout Int,
        _ unitsLeft: inout Int,
        _ needsRepair: inout Bool
    ) -> FramingError? {
        let end = bytes.count
        var at = scanned
        var left = unitsLeft
        defer {
            scanned = at
            unitsLeft = left
        }
        while left > 0, at < end {
            while left >= 32, at &+ 32 <= end {
                let block =
                    bytes.loadUnaligned(fromByteOffset: at, as: SIMD4<UInt64>.self) & SIMD4(repeating: Words.high)
                guard block == .zero else { break }
                at &+= 32
                left &-= 32
            }
            guard left > 0, at < end else { return nil }
            let byte = bytes[at]
            if byte < 0x80 {
                at &+= 1
                left &-= 1
                continue
            }
            switch UTF8Sequence(in: bytes, at: at) {
            case .incomplete: return nil
            case .valid(let length):
                let units = length == 4 ? 2 : 1
                if units > left { return .cutsSurrogatePair }
                at &+= length
                left &-= units
            case .illFormed(let length):
                needsRepair = true
                at &+= length
                left &-= 1
            }
        }
        return nil
    }
}

/// Classifies the UTF-8 sequence that starts with a byte outside ASCII (Unicode 15, table 3-7).
private enum UTF8Sequence {
    case valid(length: Int)
    /// A maximal ill-formed part. It counts, and decodes, as one U+FFFD.
    case illFormed(length: Int)
    /// Well formed so far, but the bytes end before the sequence does.
    case incomplete

    init(in bytes: UnsafeRawBufferPointer, at start: Int) {
        let lead = bytes[start]
        let length: Int
        var low: UInt8 = 0x80
        var high: UInt8 = 0xBF
        switch lead {
        case 0xC2...0xDF: length = 2
        case 0xE0...0xEF:
            length = 3
            if lead == 0xE0 { low = 0xA0 }
            if lead == 0xED { high = 0x9F }
        case 0xF0...0xF4:
            length = 4
            if lead == 0xF0 { low = 0x90 }
            if lead == 0xF4 { high = 0x8F }
        default:
            self = .illFormed(length: 1)
            return
        }
        for offset in 1..<length {
            guard start + offset < bytes.count else {
                self = .incomplete
                return
            }
            let byte = bytes[start + offset]
            guard byte >= low, byte <= high else {
                self = .illFormed(length: offset)
                return
            }
            low = 0x80
            high = 0xBF
        }
        self = .valid(length: length)
    }
}

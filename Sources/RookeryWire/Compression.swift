import CZlib
package import NIOCore

/// Compresses the payloads of negotiated frames with zlib's deflate (RFC 1950, 1951), and decompresses them within
/// limits.
///
/// Allocates some 300 KiB on first use and keeps them. Not safe for concurrent use.
package final class Compression {
    /// The smallest payload worth compressing: 8 KiB.
    package static let threshold = 8 * 1024
    /// The name that peers use to negotiate this compression.
    package static let name = "deflate"
    /// The largest accepted ratio of original to compressed length. Deflate's maximum is 1032, which only decompression
    /// bombs reach.
    package static let ratioLimit = 100

    /// The reason for refusing a compressed payload.
    package enum Fault: Error, Hashable {
        /// The original is longer than the limit, or than ``Compression/ratioLimit`` times the compressed length. In
        /// bytes.
        case tooLarge(original: Int, limit: Int)
        /// The payload does not decompress to exactly the stated number of bytes.
        case damaged
    }

    private var deflater = z_stream()
    private var inflater = z_stream()
    private var canDeflate = false
    private var canInflate = false

    /// Creates the object without allocating zlib's memory.
    package init() {}

    deinit {
        if canDeflate { deflateEnd(&deflater) }
        if canInflate { inflateEnd(&inflater) }
    }

    /// Compresses bytes. The result starts with the original length as UInt32, little-endian.
    ///
    /// Returns nil if compression saves less than a tenth. Also returns nil if the ratio exceeds ``ratioLimit``,
    /// because a receiver would refuse the payload.
    package func compress(_ bytes: UnsafeRawBufferPointer) -> [UInt8]? {
        guard let small = deflated(bytes), bytes.count <= (small.count - 4) * Self.ratioLimit else { return nil }
        return small
    }

    /// Does the same as ``compress(_:)`` without the check of ``ratioLimit``, for tests that need a decompression bomb.
    package func deflated(_ bytes: UnsafeRawBufferPointer) -> [UInt8]? {
        if canDeflate {
            deflateReset(&deflater)
        } else {
            // Levels 1 to 3 are the fast ones. On JSON, level 3 finds most of what level 6 finds.
            canDeflate =
                deflateInit_(&deflater, 3, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK
            if !canDeflate { return nil }
        }
        let room = bytes.count - bytes.count / 10
        guard room > 4, bytes.count <= Int(UInt32.max) else { return nil }
        var isDone = false
        let result = [UInt8](unsafeUninitializedCapacity: room) { out, count in
            UnsafeMutableRawPointer(out.baseAddress.unsafelyUnwrapped).storeBytes(
                of: UInt32(bytes.count).littleEndian, as: UInt32.self)
            // zlib only reads its input, although its header does not declare the pointer const.
            deflater.next_in = UnsafeMutablePointer(mutating: bytes.bindMemory(to: UInt8.self).baseAddress)
            deflater.avail_in = UInt32(bytes.count)
            deflater.next_out = out.baseAddress.unsafelyUnwrapped + 4
            deflater.avail_out = UInt32(room - 4)
            isDone = deflate(&deflater, Z_FINISH) == Z_STREAM_END
            count = room - Int(deflater.avail_out)
        }
        return isDone ? result : nil
    }

    /// Decompresses a payload.
    ///
    /// Throws ``Fault/tooLarge(original:limit:)``, before it allocates memory, if the original is longer than `limit`
    /// bytes or exceeds ``ratioLimit``. Throws ``Fault/damaged`` if the payload is not valid.
    package func decompress(_ bytes: UnsafeRawBufferPointer, limit: Int) throws(Fault) -> ByteBuffer {
        guard bytes.count > 4 else { throw .damaged }
        let original = Int(UInt32(littleEndian: bytes.loadUnaligned(as: UInt32.self)))
        let allowed = min(limit, (bytes.count - 4) * Self.ratioLimit)
        if original > allowed { throw .tooLarge(original: original, limit: allowed) }
        if canInflate {
            inflateReset(&inflater)
        } else {
            canInflate = inflateInit_(&inflater, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK
            if !canInflate { throw .damaged }
        }
        var buffer = ByteBufferAllocator().buffer(capacity: original)
        var isWhole = false
        buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: original) { out in
            inflater.next_in = UnsafeMutablePointer(
                mutating: UnsafeRawBufferPointer(rebasing: bytes[4...]).bindMemory(to: UInt8.self).baseAddress)
            inflater.avail_in = UInt32(bytes.count - 4)
            inflater.next_out = out.bindMemory(to: UInt8.self).baseAddress
            inflater.avail_out = UInt32(original)
            let status = inflate(&inflater, Z_FINISH)
            isWhole = status == Z_STREAM_END && inflater.avail_out == 0 && inflater.avail_in == 0
            return original - Int(inflater.avail_out)
        }
        guard isWhole else { throw .damaged }
        return buffer
    }
}

extension ValueWriter {
    /// Compresses what was written from `start` on, if it has at least ``Compression/threshold`` bytes and shrinks
    /// enough. Returns whether it did.
    package mutating func compress(from start: Int, _ compression: Compression) -> Bool {
        guard count - start >= Compression.threshold,
            let small = withUnsafeBytes(from: start, { compression.compress($0) })
        else { return false }
        small.withUnsafeBytes { replace(from: start, with: $0) }
        return true
    }
}

import CZlib
package import NIOCore

/// Compresses payloads of negotiated frames with zlib's deflate (RFC 1950, 1951), and undoes it within limits.
///
/// Keeps its memory, some 300 KiB, once it was used. Not for two threads at once.
package final class Compression {
    /// Smaller payloads are not worth it: 8 KiB.
    package static let threshold = 8 * 1024
    /// The name by which peers agree on it.
    package static let name = "deflate"
    /// An original may be so many times as long as what arrived; deflate reaches 1032 only for bombs.
    package static let ratioLimit = 100

    /// Why a compressed payload is refused.
    package enum Fault: Error, Hashable {
        /// The original would be longer than the limit, or than ``Compression/ratioLimit`` times what arrived.
        case tooLarge(original: Int, limit: Int)
        /// Not the compressed form of that many bytes.
        case damaged
    }

    private var deflater = z_stream()
    private var inflater = z_stream()
    private var canDeflate = false
    private var canInflate = false

    /// Takes no memory yet.
    package init() {}

    deinit {
        if canDeflate { deflateEnd(&deflater) }
        if canInflate { inflateEnd(&inflater) }
    }

    /// The compressed form, its original length before it; nil when it would save less than a tenth, or so much that a
    /// receiver would take it for a bomb.
    package func compress(_ bytes: UnsafeRawBufferPointer) -> [UInt8]? {
        guard let small = deflated(bytes), bytes.count <= (small.count - 4) * Self.ratioLimit else { return nil }
        return small
    }

    /// The compressed form, however small; for tests, who need a bomb.
    package func deflated(_ bytes: UnsafeRawBufferPointer) -> [UInt8]? {
        if canDeflate {
            deflateReset(&deflater)
        } else {
            // Level 1 to 3 are the fast ones; 3 finds most of what 6 does on JSON.
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
            // zlib does not write what it reads, though its header says nothing of it.
            deflater.next_in = UnsafeMutablePointer(mutating: bytes.bindMemory(to: UInt8.self).baseAddress)
            deflater.avail_in = UInt32(bytes.count)
            deflater.next_out = out.baseAddress.unsafelyUnwrapped + 4
            deflater.avail_out = UInt32(room - 4)
            isDone = deflate(&deflater, Z_FINISH) == Z_STREAM_END
            count = room - Int(deflater.avail_out)
        }
        return isDone ? result : nil
    }

    /// The original of a compressed payload. The memory it takes is bounded before any is taken.
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
    /// Compresses what was written from `start` on, when that is worth it; says whether it was.
    package mutating func compress(from start: Int, _ compression: Compression) -> Bool {
        guard count - start >= Compression.threshold,
            let small = withUnsafeBytes(from: start, { compression.compress($0) })
        else { return false }
        small.withUnsafeBytes { replace(from: start, with: $0) }
        return true
    }
}

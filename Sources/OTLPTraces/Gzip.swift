import CZlib

/// Reads bodies with `Content-Encoding: gzip` (RFC 1952).
package enum Gzip {
    /// A body cannot be read.
    package enum Fault: Error, Hashable {
        /// The original is longer than this many bytes.
        case tooLarge(limit: Int)
        case damaged
    }

    /// Decompresses a body whose original has at most `limit` bytes. Throws ``Fault``. It never takes more memory than the limit.
    package static func decompress(_ bytes: [UInt8], limit: Int) throws(Fault) -> [UInt8] {
        var stream = z_stream()
        // 15 is the largest window, and 16 more ask for the header of gzip.
        guard inflateInit2_(&stream, 15 + 16, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else {
            throw .damaged
        }
        defer { inflateEnd(&stream) }
        var original: [UInt8] = []
        var status = Z_OK
        bytes.withUnsafeBufferPointer { input in
            // zlib only reads its input, although its header does not declare the pointer const.
            stream.next_in = UnsafeMutablePointer(mutating: input.baseAddress)
            stream.avail_in = UInt32(clamping: input.count)
            while status == Z_OK, original.count <= limit {
                let part = [UInt8](unsafeUninitializedCapacity: 64 * 1024) { out, count in
                    stream.next_out = out.baseAddress
                    stream.avail_out = UInt32(out.count)
                    status = inflate(&stream, Z_NO_FLUSH)
                    count = out.count - Int(stream.avail_out)
                }
                original += part
            }
        }
        if original.count > limit { throw .tooLarge(limit: limit) }
        guard status == Z_STREAM_END, stream.avail_in == 0 else { throw .damaged }
        return original
    }
}

import NIOCore

/// Bytes as hexadecimal digits.
package enum Hexadecimal {
    /// Returns the digits of some bytes, in lower case.
    package static func text(_ bytes: [UInt8]) -> String { ByteBuffer(bytes: bytes).hexDump(format: .compact) }

    /// Returns the `count` bytes that the digits stand for. Returns nil for another number of them, or for other text.
    package static func bytes(_ text: String, count: Int) -> [UInt8]? {
        guard text.utf8.count == 2 * count, let buffer = try? ByteBuffer(plainHexEncodedBytes: text),
            buffer.readableBytes == count
        else { return nil }
        return Array(buffer.readableBytesView)
    }
}

import NIOCore

/// Bytes as hexadecimal digits.
package enum Hexadecimal {
    /// Returns the digits of some bytes, in lower case.
    ///
    /// `ByteBuffer.hexDump`, which formats each byte by itself, took a third of the time of the thread that writes bookings, and a
    /// generic collection, which other modules cannot specialize, a tenth.
    package static func text(_ bytes: [UInt8]) -> String {
        String(unsafeUninitializedCapacity: 2 * bytes.count) { digits in
            var position = 0
            for byte in bytes {
                digits.initializeElement(at: position, to: digit(byte >> 4))
                digits.initializeElement(at: position + 1, to: digit(byte & 15))
                position += 2
            }
            return position
        }
    }

    private static func digit(_ value: UInt8) -> UInt8 {
        value + (value < 10 ? UInt8(ascii: "0") : UInt8(ascii: "a") - 10)
    }

    /// Returns the `count` bytes that the digits stand for. Returns nil for another number of them, or for other text.
    package static func bytes(_ text: String, count: Int) -> [UInt8]? {
        guard text.utf8.count == 2 * count, let buffer = try? ByteBuffer(plainHexEncodedBytes: text),
            buffer.readableBytes == count
        else { return nil }
        return Array(buffer.readableBytesView)
    }
}

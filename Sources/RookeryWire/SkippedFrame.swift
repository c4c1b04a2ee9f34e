package import NIOCore

/// The known facts of a frame that the decoder skipped. They are enough to fail the one call that the frame belongs to.
package struct SkippedFrame: Sendable, Hashable {
    /// The header of a binary frame. Nil for a text frame.
    package let header: BinaryHeader?
    /// The declared length, in UTF-16 units for a text frame and in bytes for a binary frame.
    package let declared: Int
    /// The last bytes of a text frame.
    private var tail: [UInt8] = []
    /// The number of bytes to keep. It exceeds any id that Nest or Rookery makes, with the member's name and the brace.
    private static let tailLength = 128

    init(declared: Int) {
        header = nil
        self.declared = declared
    }

    init(_ header: BinaryHeader) {
        self.header = header
        declared = Int(header.length)
    }

    /// Consumes `count` bytes of the buffer and keeps the last ones.
    mutating func keepTail(of buffer: inout ByteBuffer, _ count: Int) {
        let kept = min(count, Self.tailLength)
        buffer.moveReaderIndex(forwardBy: count - kept)
        guard let bytes = buffer.readBytes(length: kept) else { return }
        tail = Array((tail + bytes).suffix(Self.tailLength))
    }

    /// The JSON text of a text frame's `id`, if `id` is the last member, as Nest and Rookery write it. Otherwise nil.
    /// Events have no id.
    ///
    /// The final brace closes the packet, so the member before it belongs to the packet itself. A quote right after a
    /// comma or brace starts a name, because quotes inside a string are escaped.
    package var id: ByteBuffer? {
        var rest = tail[...]
        while let last = rest.last, Self.isSpace(last) { rest.removeLast() }
        guard rest.popLast() == UInt8(ascii: "}") else { return nil }
        while let last = rest.last, Self.isSpace(last) { rest.removeLast() }
        let name = Array("\"id\":".utf8)
        var start = rest.endIndex - name.count
        while start > rest.startIndex {
            if rest[start...].starts(with: name) {
                guard rest[start - 1] == UInt8(ascii: ",") || rest[start - 1] == UInt8(ascii: "{") else { return nil }
                let id = Array(rest[(start + name.count)...])
                return Self.isScalar(id) ? ByteBuffer(bytes: id) : nil
            }
            start -= 1
        }
        return nil
    }

    private static func isSpace(_ byte: UInt8) -> Bool {
        byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D
    }

    /// Whether the bytes are exactly one number, or one string without escapes.
    private static func isScalar(_ bytes: [UInt8]) -> Bool {
        guard !bytes.contains(UInt8(ascii: "\\")) else { return false }
        return bytes.withUnsafeBytes { bytes in
            var reader = ValueReader(bytes)
            guard let kind = try? reader.peek(), kind == .string || kind == .number else { return false }
            do {
                try reader.skipValue()
                try reader.finish()
                return true
            } catch {
                return false
            }
        }
    }
}

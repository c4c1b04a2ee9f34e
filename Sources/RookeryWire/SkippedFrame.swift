package import NIOCore

/// What is known of a frame that was passed over: enough to tell the one call it belongs to.
package struct SkippedFrame: Sendable, Hashable {
    /// The header of a binary frame; nil for one of text.
    package let header: BinaryHeader?
    /// The declared length: UTF-16 units of text, bytes of a binary frame.
    package let declared: Int
    /// The last bytes of a text frame.
    private var tail: [UInt8] = []
    /// Longer than any id that Nest or Rookery makes, its name and the closing brace included.
    private static let tailLength = 128

    init(declared: Int) {
        header = nil
        self.declared = declared
    }

    init(_ header: BinaryHeader) {
        self.header = header
        declared = Int(header.length)
    }

    /// Takes bytes out of the buffer, and keeps the last ones.
    mutating func keepTail(of buffer: inout ByteBuffer, _ count: Int) {
        let kept = min(count, Self.tailLength)
        buffer.moveReaderIndex(forwardBy: count - kept)
        guard let bytes = buffer.readBytes(length: kept) else { return }
        tail = Array((tail + bytes).suffix(Self.tailLength))
    }

    /// The JSON text of a text frame's `id`, when that is the packet's last member, as Nest and Rookery write it. Nil when
    /// it is not, and for events, which have none.
    ///
    /// The brace at the end closes the packet, so the member before it is one of the packet's own; and a quote that
    /// follows a comma cannot be inside a string, where quotes are escaped.
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

    /// Whether the bytes are one number, or one string without an escape.
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

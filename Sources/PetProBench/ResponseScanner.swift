import NIOCore

/// Finds the status and the end of HTTP/1.1 responses with a `Content-Length`.
///
/// Of the other header fields it reads only `Connection: close`, because a load must cost little.
struct ResponseScanner {
    /// A response that the scanner cannot read.
    struct Malformed: Error, CustomStringConvertible {
        let description: String
    }

    /// Takes the next response from the buffer. Returns nil if the response has not arrived completely.
    ///
    /// `isLast` means that the server closes the connection. Throws ``Malformed`` for a head without a status or a
    /// length, or of more than 64 KiB.
    static func next(_ buffer: inout ByteBuffer) throws -> (status: Int, isLast: Bool, body: ByteBuffer)? {
        let view = buffer.readableBytesView
        guard let headLength = view.withUnsafeBytes(Self.headLength) else {
            if buffer.readableBytes > 65_536 { throw Malformed(description: "a response head of more than 64 KiB") }
            return nil
        }
        let head = view.prefix(headLength)
        let start = head.startIndex
        guard head.count > 12, let status = Int(String(decoding: head[(start + 9)..<(start + 12)], as: UTF8.self))
        else {
            throw Malformed(description: "no status line: \(String(decoding: head.prefix(80), as: UTF8.self))")
        }
        guard let length = head.withUnsafeBytes({ Self.number(after: "content-length:", in: $0) }) else {
            throw Malformed(description: "a response without a Content-Length")
        }
        guard buffer.readableBytes >= headLength + length else { return nil }
        let isLast = head.withUnsafeBytes { Self.contains("connection: close", in: $0) }
        buffer.moveReaderIndex(forwardBy: headLength)
        guard let body = buffer.readSlice(length: length) else { return nil }
        return (status, isLast, body)
    }

    private static func headLength(_ bytes: UnsafeRawBufferPointer) -> Int? {
        var at = 3
        while at < bytes.count {
            // The head ends with CR LF CR LF. The last of four bytes shows how many bytes can be skipped.
            switch bytes[at] {
            case 0x0A:
                if bytes[at - 1] == 0x0D, bytes[at - 2] == 0x0A, bytes[at - 3] == 0x0D { return at + 1 }
                at += 2
            case 0x0D: at += 1
            default: at += 4
            }
        }
        return nil
    }

    private static func matches(_ text: StaticString, _ bytes: UnsafeRawBufferPointer, at: Int) -> Bool {
        guard at + text.utf8CodeUnitCount <= bytes.count else { return false }
        for offset in 0..<text.utf8CodeUnitCount where bytes[at + offset] | 0x20 != text.utf8Start[offset] | 0x20 {
            return false
        }
        return true
    }

    private static func position(of text: StaticString, in bytes: UnsafeRawBufferPointer) -> Int? {
        var at = 0
        while at < bytes.count {
            if bytes[at] == 0x0A, matches(text, bytes, at: at + 1) { return at + 1 + text.utf8CodeUnitCount }
            at += 1
        }
        return nil
    }

    static func contains(_ text: StaticString, in bytes: UnsafeRawBufferPointer) -> Bool {
        position(of: text, in: bytes) != nil
    }

    private static func number(after name: StaticString, in bytes: UnsafeRawBufferPointer) -> Int? {
        guard var at = position(of: name, in: bytes) else { return nil }
        while at < bytes.count, bytes[at] == 0x20 { at += 1 }
        var value = 0
        let first = at
        while at < bytes.count, (48...57).contains(bytes[at]), value < 1 << 40 {
            value = value * 10 + Int(bytes[at]) - 48
            at += 1
        }
        return at > first ? value : nil
    }
}

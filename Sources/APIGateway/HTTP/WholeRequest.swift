import NIOCore

/// Recognizes bytes that are exactly one whole request, so that a refusal for overload needs no parsing.
///
/// Parsing costs as much as the rest of the refusal. A request that is not recognized goes to the parser.
enum WholeRequest {
    /// The longest request that is recognized, in bytes.
    private static let longest = 16 * 1024

    /// Returns whether the bytes are exactly one HTTP/1.1 `GET` or `POST` that keeps its connection. Its head has plain
    /// lines only, and its body has the length in `Content-Length`.
    static func isWhole(_ bytes: ByteBuffer) -> Bool {
        guard (16...longest).contains(bytes.readableBytes) else { return false }
        return bytes.withUnsafeReadableBytes { bytes in
            var scan = Scan(bytes)
            return scan.isWhole()
        }
    }

    private struct Scan {
        private let bytes: UnsafeRawBufferPointer
        private var at = 0
        private var bodyLength: Int?

        init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

        mutating func isWhole() -> Bool {
            guard let end = lineEnd(), isRequestLine(0..<end) else { return false }
            at = end + 2
            while let end = lineEnd() {
                if end == at { return bytes.count - (at + 2) == bodyLength ?? 0 }
                guard isPlainField(at..<end) else { return false }
                at = end + 2
            }
            return false
        }

        /// Returns the end of the line that begins at `at`. Returns nil when the line is incomplete or has a control
        /// character.
        private func lineEnd() -> Int? {
            var position = at
            while position < bytes.count {
                let byte = bytes[position]
                if byte == 0x0D {
                    return position + 1 < bytes.count && bytes[position + 1] == 0x0A ? position : nil
                }
                if byte < 0x20 || byte == 0x7F { return nil }
                position += 1
            }
            return nil
        }

        private func starts(_ text: StaticString, at position: Int) -> Bool {
            guard position + text.utf8CodeUnitCount <= bytes.count else { return false }
            for offset in 0..<text.utf8CodeUnitCount where bytes[position + offset] != text.utf8Start[offset] {
                return false
            }
            return true
        }

        private func isRequestLine(_ line: Range<Int>) -> Bool {
            let version: StaticString = " HTTP/1.1"
            let start = line.upperBound - version.utf8CodeUnitCount
            guard start > 0, starts(version, at: start) else { return false }
            // Not `HEAD`, whose response has no body. Other methods are rare.
            return starts("GET /", at: 0) || starts("POST /", at: 0)
        }

        /// Returns whether a field is plain. Fields that change how the request is read are not, except one
        /// `Content-Length`.
        private mutating func isPlainField(_ line: Range<Int>) -> Bool {
            // The line continues the one before.
            if bytes[line.lowerBound] == 0x20 { return false }
            for name: StaticString in ["transfer-encoding:", "connection:", "expect:", "upgrade:", "trailer:"]
            where isNamed(name, line) { return false }
            let length: StaticString = "content-length:"
            guard isNamed(length, line) else { return line.contains { bytes[$0] == UInt8(ascii: ":") } }
            guard bodyLength == nil else { return false }
            var value = 0
            var digits = 0
            for position in (line.lowerBound + length.utf8CodeUnitCount)..<line.upperBound {
                let byte = bytes[position]
                if byte == 0x20, digits == 0 { continue }
                guard (48...57).contains(byte), digits < 6 else { return false }
                value = value * 10 + Int(byte) - 48
                digits += 1
            }
            bodyLength = value
            return digits > 0
        }

        private func isNamed(_ name: StaticString, _ line: Range<Int>) -> Bool {
            guard line.count >= name.utf8CodeUnitCount else { return false }
            for offset in 0..<name.utf8CodeUnitCount {
                let byte = bytes[line.lowerBound + offset]
                let lower = (65...90).contains(byte) ? byte | 0x20 : byte
                if lower != name.utf8Start[offset] { return false }
            }
            return true
        }
    }
}

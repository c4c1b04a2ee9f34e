/// The content of a string between its quotes, with escapes not yet resolved.
struct JSONText {
    let start: UnsafePointer<UInt8>
    let count: Int
    let isEscaped: Bool

    var string: String {
        let bytes = UnsafeBufferPointer(start: start, count: count)
        return isEscaped ? String(decoding: unescaped(bytes), as: UTF8.self) : String(decoding: bytes, as: UTF8.self)
    }

    func unescaped(_ bytes: UnsafeBufferPointer<UInt8>) -> [UInt8] {
        var out: [UInt8] = []
        out.reserveCapacity(bytes.count)
        var at = 0
        while at < bytes.count {
            guard bytes[at] == UInt8(ascii: "\\") else {
                out.append(bytes[at])
                at += 1
                continue
            }
            let kind = bytes[at + 1]
            at += 2
            switch kind {
            case UInt8(ascii: "b"): out.append(0x08)
            case UInt8(ascii: "f"): out.append(0x0C)
            case UInt8(ascii: "n"): out.append(0x0A)
            case UInt8(ascii: "r"): out.append(0x0D)
            case UInt8(ascii: "t"): out.append(0x09)
            case UInt8(ascii: "u"):
                let (scalar, used) = Self.scalar(bytes, at)
                out.append(contentsOf: Array(String(scalar).utf8))
                at += used
            default: out.append(kind)
            }
        }
        return out
    }

    /// Decodes the four hex digits at `at`, and a second escape if the two form a surrogate pair.
    private static func scalar(_ bytes: UnsafeBufferPointer<UInt8>, _ at: Int) -> (Unicode.Scalar, used: Int) {
        let replacement: Unicode.Scalar = "\u{FFFD}"
        let first = unit(bytes, at)
        if let scalar = Unicode.Scalar(first) { return (scalar, 4) }
        guard first < 0xDC00, at + 10 <= bytes.count, bytes[at + 4] == UInt8(ascii: "\\"),
            bytes[at + 5] == UInt8(ascii: "u")
        else { return (replacement, 4) }
        let second = unit(bytes, at + 6)
        guard (0xDC00..<0xE000).contains(second) else { return (replacement, 4) }
        return (Unicode.Scalar(0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00)) ?? replacement, 10)
    }

    private static func unit(_ bytes: UnsafeBufferPointer<UInt8>, _ at: Int) -> UInt32 {
        var value: UInt32 = 0
        for offset in 0..<4 { value = value << 4 | UInt32(hexValue(bytes[at + offset]) ?? 0) }
        return value
    }

    static func hexValue(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 48...57: byte - 48
        case 65...70: byte - 55
        case 97...102: byte - 87
        default: nil
        }
    }
}

/// How many UTF-16 code units UTF-8 text has.
@usableFromInline package enum UTF16Length {
    /// The UTF-8 bytes of a scalar beyond its UTF-16 units, by its first byte; 0 for ASCII and continuation bytes.
    @inlinable
    static func surplus(lead byte: UInt8) -> Int {
        if byte < 0xC0 { return 0 }
        return byte < 0xE0 ? 1 : 2
    }

    /// Bytes beyond one per UTF-16 unit in valid UTF-8 text: bytes − units.
    @usableFromInline package static func surplus(of text: UnsafeRawBufferPointer) -> Int {
        var surplus = 0
        var at = 0
        let length = text.count
        while at < length {
            if at &+ 8 <= length, text.loadUnaligned(fromByteOffset: at, as: UInt64.self) & Words.high == 0 {
                at &+= 8
                continue
            }
            surplus &+= UTF16Length.surplus(lead: text[at])
            at &+= 1
        }
        return surplus
    }

    /// UTF-16 code units of valid UTF-8 text.
    package static func units(of text: UnsafeRawBufferPointer) -> Int {
        text.count - surplus(of: text)
    }
}

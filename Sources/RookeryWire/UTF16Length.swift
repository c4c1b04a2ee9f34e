/// Counts the UTF-16 code units of UTF-8 text.
@usableFromInline package enum UTF16Length {
    /// UTF-8 bytes minus UTF-16 units of a scalar, from its first byte. 0 for ASCII and for continuation bytes.
    @inlinable
    static func surplus(lead byte: UInt8) -> Int {
        if byte < 0xC0 { return 0 }
        return byte < 0xE0 ? 1 : 2
    }

    /// UTF-8 bytes minus UTF-16 units of valid UTF-8 text.
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

    /// The number of UTF-16 code units of valid UTF-8 text.
    package static func units(of text: UnsafeRawBufferPointer) -> Int {
        text.count - surplus(of: text)
    }
}

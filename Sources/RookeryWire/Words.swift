/// Bit tricks that test eight bytes at once.
@usableFromInline
enum Words {
    @usableFromInline static let high: UInt64 = 0x8080_8080_8080_8080
    @usableFromInline static let ones: UInt64 = 0x0101_0101_0101_0101

    /// Returns nonzero if a byte is a control character, `"`, `\` or outside ASCII.
    ///
    /// A borrow between bytes can set an extra bit above a byte that matched, but it never misses a match. So callers
    /// check the bytes one by one when the result is nonzero.
    @inlinable
    static func needsCareInString(_ word: UInt64) -> UInt64 {
        let control = word &- (ones &* 0x20)
        let quote = (word ^ (ones &* 0x22)) &- ones
        let backslash = (word ^ (ones &* 0x5C)) &- ones
        return (control | quote | backslash | word) & high
    }
}

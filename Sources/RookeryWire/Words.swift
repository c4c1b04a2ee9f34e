/// Tests on eight bytes at once.
@usableFromInline
enum Words {
    @usableFromInline static let high: UInt64 = 0x8080_8080_8080_8080
    @usableFromInline static let ones: UInt64 = 0x0101_0101_0101_0101

    /// Not zero when a byte is a control character, `"`, `\` or beyond ASCII.
    ///
    /// A borrow between bytes can set a bit too many, above a byte that really matched; never one too few. Callers look
    /// at the bytes one by one then.
    @inlinable
    static func needsCareInString(_ word: UInt64) -> UInt64 {
        let control = word &- (ones &* 0x20)
        let quote = (word ^ (ones &* 0x22)) &- ones
        let backslash = (word ^ (ones &* 0x5C)) &- ones
        return (control | quote | backslash | word) & high
    }
}

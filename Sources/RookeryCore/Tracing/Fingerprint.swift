/// A number that stands for texts and numbers in their order. All processes get the same one, unlike with `Hasher`.
///
/// A peer that chooses the texts can make two of them equal. So it stands for what the program names: commands and codes.
package struct Fingerprint: Sendable, Hashable {
    package private(set) var value: UInt64

    /// Stands for nothing yet.
    package init() { value = Self.offset }

    /// Stands for a text, by FNV-1a (Fowler, Noll and Vo) of its UTF-8.
    package init(_ text: String) {
        var value = Self.offset
        for byte in text.utf8 { value = (value ^ UInt64(byte)) &* 0x100_0000_01B3 }
        self.value = value
    }

    private static let offset: UInt64 = 0xCBF2_9CE4_8422_2325

    /// Adds a number.
    package mutating func add(_ number: UInt64) { value = SplitMix.mix((value ^ number) &+ SplitMix.step) }
}

/// Bytes as digits and letters: `0`–`9`, `A`–`Z`, `a`–`z`, a number with the most significant digit first.
enum Base62 {
    private static let alphabet = Array("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz".utf8)
    private static let values: [UInt8?] = {
        var values = [UInt8?](repeating: nil, count: 256)
        for (value, character) in alphabet.enumerated() { values[Int(character)] = UInt8(value) }
        return values
    }()

    static func value(of character: UInt8) -> UInt8? { values[Int(character)] }

    /// Returns the bytes, read as one big-endian number, with at least `digits` digits.
    static func text(_ bytes: [UInt8], digits: Int) -> String {
        var number = bytes
        var text: [UInt8] = []
        while text.count < digits || number.contains(where: { $0 != 0 }) {
            var remainder = 0
            for at in number.indices {
                let value = remainder * 256 + Int(number[at])
                number[at] = UInt8(value / 62)
                remainder = value % 62
            }
            text.append(alphabet[remainder])
        }
        return String(decoding: text.reversed(), as: UTF8.self)
    }

    /// Returns the number in `text` as `count` big-endian bytes. Returns nil for other characters, and for a number that
    /// needs more bytes.
    static func bytes(_ text: String, count: Int) -> [UInt8]? {
        guard !text.isEmpty, text.utf8.count <= 2 * count else { return nil }
        var number = [UInt8](repeating: 0, count: count)
        for character in text.utf8 {
            guard var carry = value(of: character).map({ Int($0) }) else { return nil }
            for at in number.indices.reversed() {
                let value = Int(number[at]) * 62 + carry
                number[at] = UInt8(value & 255)
                carry = value >> 8
            }
            if carry > 0 { return nil }
        }
        return number
    }
}

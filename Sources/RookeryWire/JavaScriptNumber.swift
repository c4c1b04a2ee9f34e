/// Writes numbers as ECMAScript does (ECMA-262, Number::toString with radix 10).
enum JavaScriptNumber {
    static func write(_ value: Double, into writer: inout ValueWriter) {
        guard value.isFinite else { return writer.writeNull() }
        if value == 0 { return writer.verbatim("0") }
        let magnitude = value.magnitude
        if magnitude < 9_007_199_254_740_992, magnitude == magnitude.rounded(.towardZero) {
            return writer.write(Int64(value))
        }
        if value < 0 { writer.byte(UInt8(ascii: "-")) }
        if magnitude < 1e9, magnitude >= 1e-3, writeFewDecimals(magnitude, into: &writer) { return }
        writeShortest(magnitude, into: &writer)
    }

    /// Writes a value with at most four decimals, such as a price. Returns false for any other value.
    ///
    /// `k` is the smallest number of decimals for which `n / 10^k` equals the value. Both operands are exact, so the
    /// division rounds correctly. Fewer decimals have failed before, so the digits of `n` are the shortest ones.
    private static func writeFewDecimals(_ value: Double, into writer: inout ValueWriter) -> Bool {
        var power = 1.0
        for decimals in 1...4 {
            power *= 10
            let scaled = (value * power).rounded()
            guard scaled / power == value else { continue }
            let whole = UInt64(scaled)
            let divisor = UInt64(power)
            writer.write(whole / divisor)
            writer.byte(UInt8(ascii: "."))
            var fraction = whole % divisor
            var place = divisor / 10
            for _ in 0..<decimals {
                writer.byte(UInt8(truncatingIfNeeded: fraction / place) &+ 48)
                fraction %= place
                place = max(1, place / 10)
            }
            return true
        }
        return false
    }

    private static func writeShortest(_ value: Double, into writer: inout ValueWriter) {
        // The standard library computes the shortest digits. Only their layout differs from JavaScript's.
        var digits: [UInt8] = []
        var pointAt: Int?
        var exponent = 0
        var description = value.description
        description.withUTF8 { text in
            var at = 0
            while at < text.count {
                let byte = text[at]
                if byte == UInt8(ascii: ".") {
                    pointAt = digits.count
                } else if byte == UInt8(ascii: "e") {
                    exponent = Int(String(decoding: text[(at + 1)...], as: UTF8.self)) ?? 0
                    break
                } else {
                    digits.append(byte)
                }
                at += 1
            }
        }
        // value = 0.d1d2d3… × 10^scale
        var scale = (pointAt ?? digits.count) + exponent
        while digits.count > 1, digits.first == UInt8(ascii: "0") {
            digits.removeFirst()
            scale -= 1
        }
        while digits.count > 1, digits.last == UInt8(ascii: "0") { digits.removeLast() }
        layOut(digits, scale: scale, into: &writer)
    }

    private static func layOut(_ digits: [UInt8], scale: Int, into writer: inout ValueWriter) {
        let count = digits.count
        if scale >= count, scale <= 21 {
            for digit in digits { writer.byte(digit) }
            for _ in count..<scale { writer.byte(UInt8(ascii: "0")) }
        } else if scale > 0, scale <= 21 {
            for digit in digits[..<scale] { writer.byte(digit) }
            writer.byte(UInt8(ascii: "."))
            for digit in digits[scale...] { writer.byte(digit) }
        } else if scale > -6, scale <= 0 {
            writer.verbatim("0.")
            for _ in scale..<0 { writer.byte(UInt8(ascii: "0")) }
            for digit in digits { writer.byte(digit) }
        } else {
            writer.byte(digits[0])
            if count > 1 {
                writer.byte(UInt8(ascii: "."))
                for digit in digits[1...] { writer.byte(digit) }
            }
            writer.verbatim(scale > 0 ? "e+" : "e-")
            writer.write((scale - 1).magnitude)
        }
    }
}

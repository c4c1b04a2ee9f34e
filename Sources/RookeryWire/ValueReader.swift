/// A pull parser for strict JSON (RFC 8259, as `JSON.parse` accepts it) or MessagePack. It builds no tree.
///
/// The bytes must stay valid while the reader is in use. They need not be valid UTF-8: strings replace ill-formed parts
/// with U+FFFD.
public struct _ValueReader {
    /// The default limit of nesting: 512. Nest's own limit is its stack. The reader throws instead of overflowing it.
    public static let defaultDepthLimit = 512

    /// The format of the bytes.
    public let format: _ValueFormat
    @usableFromInline var isJSON: Bool { format == .json }

    @usableFromInline let base: UnsafePointer<UInt8>
    @usableFromInline let end: Int
    /// The offset of the next byte to read.
    @usableFromInline var index: Int
    private var depth = 0
    private let depthLimit: Int

    /// Creates a reader of `bytes`. It throws at arrays and objects nested deeper than `depthLimit` (default 512).
    public init(
        _ bytes: UnsafeRawBufferPointer, format: _ValueFormat = .json, depthLimit: Int = _ValueReader.defaultDepthLimit
    ) {
        self.format = format
        // An empty buffer may have no address. The reader never dereferences the pointer then.
        self.base = bytes.bindMemory(to: UInt8.self).baseAddress ?? UnsafePointer(bitPattern: 1).unsafelyUnwrapped
        self.end = bytes.count
        self.index = 0
        self.depthLimit = depthLimit
    }

    func failure(_ reason: String) -> MalformedValue { MalformedValue(reason: reason, offset: index) }

    // MARK: White space and structure

    @inlinable
    mutating func skipWhitespace() {
        while index < end {
            let byte = base[index]
            guard byte <= 0x20, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 else { return }
            index &+= 1
        }
    }

    /// Returns the type of the next value, without consuming it.
    public mutating func peek() throws(MalformedValue) -> _ValueKind {
        guard isJSON else { return try messagePackKind() }
        skipWhitespace()
        guard index < end else { throw failure("unexpected end of text") }
        switch base[index] {
        case UInt8(ascii: "{"): return .object
        case UInt8(ascii: "["): return .array
        case UInt8(ascii: "\""): return .string
        case UInt8(ascii: "t"), UInt8(ascii: "f"): return .bool
        case UInt8(ascii: "n"): return .null
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return .number
        default: throw failure("unexpected character")
        }
    }

    /// Throws if anything follows. JSON may end with white space.
    public mutating func finish() throws(MalformedValue) {
        if isJSON { skipWhitespace() }
        guard index == end else { throw failure("more after the value") }
    }

    /// Enters an object. Then call ``nextKey(_:)`` until it returns nil.
    public mutating func beginObject() throws(MalformedValue) -> _Members {
        var members = Members(remaining: 0)
        if isJSON { try expect(UInt8(ascii: "{")) } else { members.remaining = try messagePackMapCount() }
        try descend()
        return members
    }

    /// Enters an array. Then call ``nextElement(_:)`` until it returns false.
    public mutating func beginArray() throws(MalformedValue) -> _Members {
        var members = Members(remaining: 0)
        if isJSON { try expect(UInt8(ascii: "[")) } else { members.remaining = try messagePackArrayCount() }
        try descend()
        return members
    }

    private mutating func descend() throws(MalformedValue) {
        depth += 1
        if depth > depthLimit { throw failure("nested deeper than \(depthLimit)") }
    }

    mutating func expect(_ byte: UInt8) throws(MalformedValue) {
        if index < end, base[index] == byte {
            index &+= 1
            return
        }
        skipWhitespace()
        guard index < end, base[index] == byte else {
            throw failure("expected \(String(UnicodeScalar(byte)))")
        }
        index &+= 1
    }

    /// Reads the name of the next member; the caller then reads its value. Returns nil at the end of the object.
    public mutating func nextKey(_ members: inout _Members) throws(MalformedValue) -> _MemberName? {
        guard isJSON else {
            if members.remaining == 0 {
                depth &-= 1
                return nil
            }
            members.remaining &-= 1
            return MemberName(try messagePackText("a member's name"))
        }
        skipWhitespace()
        guard index < end else { throw failure("unexpected end of text") }
        if base[index] == UInt8(ascii: "}") {
            index &+= 1
            depth &-= 1
            return nil
        }
        if members.isFirst {
            members.isFirst = false
        } else {
            try expect(UInt8(ascii: ","))
            skipWhitespace()
        }
        guard index < end, base[index] == UInt8(ascii: "\"") else { throw failure("expected a member's name") }
        let text = try scanString()
        try expect(UInt8(ascii: ":"))
        return MemberName(text)
    }

    /// Returns whether another element follows; the caller then reads it. Returns false at the end of the array.
    public mutating func nextElement(_ members: inout _Members) throws(MalformedValue) -> Bool {
        guard isJSON else {
            if members.remaining == 0 {
                depth &-= 1
                return false
            }
            members.remaining &-= 1
            return true
        }
        skipWhitespace()
        guard index < end else { throw failure("unexpected end of text") }
        if base[index] == UInt8(ascii: "]") {
            index &+= 1
            depth &-= 1
            return false
        }
        if members.isFirst {
            members.isFirst = false
        } else {
            try expect(UInt8(ascii: ","))
        }
        return true
    }

    // MARK: Scalars

    /// Reads `null` and returns true. Returns false, without consuming anything, if the next value is not `null`.
    public mutating func readNull() throws(MalformedValue) -> Bool {
        guard isJSON else {
            guard index < end, base[index] == 0xC0 else { return false }
            index &+= 1
            return true
        }
        skipWhitespace()
        guard index < end, base[index] == UInt8(ascii: "n") else { return false }
        try literal("null")
        return true
    }

    /// Reads `true` or `false`.
    public mutating func readBool() throws(MalformedValue) -> Bool {
        guard isJSON else { return try messagePackBool() }
        skipWhitespace()
        if index < end, base[index] == UInt8(ascii: "t") {
            try literal("true")
            return true
        }
        try literal("false")
        return false
    }

    mutating func literal(_ text: StaticString) throws(MalformedValue) {
        let length = text.utf8CodeUnitCount
        guard end &- index >= length else { throw failure("unexpected end of text") }
        for offset in 0..<length where base[index &+ offset] != text.utf8Start[offset] {
            throw failure("unexpected character")
        }
        index &+= length
    }

    /// Reads a number. Integers stay exact up to 64 bits.
    public mutating func readNumber() throws(MalformedValue) -> _ValueNumber {
        guard isJSON else { return try messagePackNumber() }
        skipWhitespace()
        let start = index
        var negative = false
        if index < end, base[index] == UInt8(ascii: "-") {
            negative = true
            index &+= 1
        }
        var mantissa: UInt64 = 0
        var overflow = false
        let firstDigit = index
        while index < end, case let digit = base[index] &- 48, digit < 10 {
            let (product, high) = mantissa.multipliedReportingOverflow(by: 10)
            let (sum, carry) = product.addingReportingOverflow(UInt64(digit))
            overflow = overflow || high || carry
            mantissa = sum
            index &+= 1
        }
        let digits = index &- firstDigit
        if digits == 0 { throw failure("unexpected character") }
        if digits > 1, base[firstDigit] == 48 {
            index = firstDigit
            throw failure("a number with a leading zero")
        }
        var isInteger = true
        if index < end, base[index] == UInt8(ascii: ".") {
            isInteger = false
            index &+= 1
            try skipDigits()
        }
        if index < end, base[index] | 0x20 == UInt8(ascii: "e") {
            isInteger = false
            index &+= 1
            if index < end, base[index] == UInt8(ascii: "+") || base[index] == UInt8(ascii: "-") { index &+= 1 }
            try skipDigits()
        }
        if isInteger, !overflow {
            if !negative { return mantissa <= UInt64(Int64.max) ? .int(Int64(mantissa)) : .uint(mantissa) }
            if mantissa == 0 { return .double(-0.0) }
            if mantissa <= UInt64(Int64.max) { return .int(-Int64(mantissa)) }
            if mantissa == UInt64(Int64.max) + 1 { return .int(.min) }
        }
        return .double(double(start))
    }

    mutating func skipDigits() throws(MalformedValue) {
        let start = index
        while index < end, base[index] &- 48 < 10 { index &+= 1 }
        if index == start { throw failure("expected a digit") }
    }

    /// Parses the number between `start` and `index`, correctly rounded.
    private func double(_ start: Int) -> Double {
        var at = start
        var mantissa: UInt64 = 0
        var decimals = 0
        var seenPoint = false
        let negative = base[at] == UInt8(ascii: "-")
        if negative { at &+= 1 }
        // Clinger's fast path: mantissa and power of ten are both exact, so the division rounds once, and correctly.
        while at < index, mantissa < 900_719_925_474_099 {
            let byte = base[at]
            if byte == UInt8(ascii: ".") {
                seenPoint = true
            } else if byte &- 48 < 10 {
                mantissa = mantissa &* 10 &+ UInt64(byte &- 48)
                if seenPoint { decimals &+= 1 }
            } else {
                break
            }
            at &+= 1
        }
        if at == index, decimals <= 22 {
            let value = Double(mantissa) / Self.powersOfTen[decimals]
            return negative ? -value : value
        }
        let text = String(decoding: UnsafeBufferPointer(start: base + start, count: index &- start), as: UTF8.self)
        return Double(text) ?? .nan
    }

    private static let powersOfTen: [Double] = (0...22).map { exponent in
        (0..<exponent).reduce(1.0) { power, _ in power * 10 }
    }

    // MARK: Strings

    /// Reads a string. An escaped lone surrogate and ill-formed UTF-8 become U+FFFD.
    public mutating func readString() throws(MalformedValue) -> String {
        guard isJSON else { return try messagePackText("a string").string }
        skipWhitespace()
        return try scanString().string
    }

    /// Whether the next value is a string that begins with an ASCII text. A JSON string must not escape it.
    ///
    /// Does not consume anything. Throws if the bytes are malformed.
    public func isNextText(beginningWith text: StaticString) throws(MalformedValue) -> Bool {
        var ahead = self
        let start: Int
        if isJSON {
            ahead.skipWhitespace()
            guard ahead.index < end, base[ahead.index] == UInt8(ascii: "\"") else { return false }
            start = ahead.index &+ 1
        } else {
            guard try ahead.peek() == .string else { return false }
            let found = try ahead.messagePackText("a string")
            start = ahead.index &- found.count
        }
        let length = text.utf8CodeUnitCount
        guard start &+ length <= end else { return false }
        return UnsafeRawBufferPointer(start: base + start, count: length).elementsEqual(
            UnsafeRawBufferPointer(start: text.utf8Start, count: length))
    }

    /// Skips a string and returns the position of its content.
    mutating func scanString() throws(MalformedValue) -> JSONText {
        guard index < end, base[index] == UInt8(ascii: "\"") else { throw failure("expected a string") }
        index &+= 1
        let start = index
        var escaped = false
        while true {
            if index &+ 8 <= end {
                let word = UnsafeRawPointer(base + index).loadUnaligned(as: UInt64.self)
                // Masks the high bits, because the scan may skip bytes outside ASCII.
                if Words.needsCareInString(word & ~Words.high) == 0 {
                    index &+= 8
                    continue
                }
            }
            guard index < end else { throw failure("a string without its end") }
            let byte = base[index]
            if byte == UInt8(ascii: "\"") { break }
            if byte == UInt8(ascii: "\\") {
                escaped = true
                try skipEscape()
                continue
            }
            if byte < 0x20 { throw failure("a control character in a string") }
            index &+= 1
        }
        let text = JSONText(start: base + start, count: index &- start, isEscaped: escaped)
        index &+= 1
        return text
    }

    private mutating func skipEscape() throws(MalformedValue) {
        guard index &+ 1 < end else { throw failure("a string without its end") }
        switch base[index &+ 1] {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
            UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
            index &+= 2
        case UInt8(ascii: "u"):
            guard index &+ 6 <= end else { throw failure("an incomplete escape") }
            for at in (index &+ 2)..<(index &+ 6) where JSONText.hexValue(base[at]) == nil {
                throw failure("an unknown escape")
            }
            index &+= 6
        default: throw failure("an unknown escape")
        }
    }
}

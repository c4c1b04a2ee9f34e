/// Checks the constraints that the attributes of a message's properties declare.
///
/// Code that `@Message` generates calls the checks after it has read a property. A check skips nil, and checks an array
/// element by element.
///
/// A character is a Unicode code point, as in JSON Schema's `maxLength` and class-validator's `@Length`. A grapheme
/// cluster, Swift's `Character`, has no bound in bytes.
public enum _Constraint {
    /// Checks the number of characters, and the number of UTF-8 bytes against `bytes`.
    ///
    /// If `bytes` is nil (the default), only the range limits the size: a character has at most four bytes. The check
    /// counts bytes first, so a text that is too long costs little.
    @inlinable
    public static func length<Value: _ConstrainedValue>(
        _ value: Value, _ range: ClosedRange<Int>, bytes: Int? = nil, _ path: String, _ decoder: inout _MessageDecoder
    ) where Value._Leaf == String {
        value._forEachLeaf(path) { checkLength($0, range, bytes, $1, &decoder) }
    }

    @usableFromInline
    static func checkLength(
        _ text: String, _ range: ClosedRange<Int>, _ bytes: Int?, _ path: String, _ decoder: inout _MessageDecoder
    ) {
        if let bytes, text.utf8.count > bytes {
            return decoder.violated("bytes", "must have at most \(bytes) bytes", at: path)
        }
        // No character has more than four bytes.
        let isTooLong = text.utf8.count / 4 > range.upperBound
        if isTooLong || !range.contains(text.unicodeScalars.count) {
            decoder.violated("length", "must have \(range.lowerBound) to \(range.upperBound) characters", at: path)
        }
    }

    /// Checks one line of text: characters and bytes as in `length`, no control characters, and not blank. A range that
    /// starts at 0 allows blank text.
    @inlinable
    public static func line<Value: _ConstrainedValue>(
        _ value: Value, _ range: ClosedRange<Int>, bytes: Int? = nil, _ path: String, _ decoder: inout _MessageDecoder
    ) where Value._Leaf == String {
        value._forEachLeaf(path) { text, path in
            let mark = decoder.violationCount
            checkLength(text, range, bytes, path, &decoder)
            // Check the content only if the length is valid.
            if decoder.violationCount == mark { checkLine(text, range, path, &decoder) }
        }
    }

    @usableFromInline
    static func checkLine(
        _ text: String, _ range: ClosedRange<Int>, _ path: String, _ decoder: inout _MessageDecoder
    ) {
        if text.unicodeScalars.contains(where: isControl) {
            decoder.violated("line", "must be one line, without control characters", at: path)
        } else if range.lowerBound > 0 {
            checkNotBlank(text, path, &decoder)
        }
    }

    /// Checks text of several lines: characters and bytes as in `length`, and no control characters except line breaks
    /// and tabs.
    @inlinable
    public static func text<Value: _ConstrainedValue>(
        _ value: Value, _ range: ClosedRange<Int>, bytes: Int? = nil, _ path: String, _ decoder: inout _MessageDecoder
    ) where Value._Leaf == String {
        value._forEachLeaf(path) { text, path in
            let mark = decoder.violationCount
            checkLength(text, range, bytes, path, &decoder)
            if decoder.violationCount == mark { checkText(text, path, &decoder) }
        }
    }

    @usableFromInline
    static func checkText(_ text: String, _ path: String, _ decoder: inout _MessageDecoder) {
        let isWrong = text.unicodeScalars.contains { scalar in
            isControl(scalar) && !["\n", "\r", "\t", "\u{2028}", "\u{2029}"].contains(scalar)
        }
        if isWrong {
            decoder.violated("text", "must have no control characters but line breaks and tabs", at: path)
        }
    }

    /// Whether the scalar is in C0, DEL or C1, or is one of the two separators that end a line (U+2028, U+2029).
    private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x00..<0x20, 0x7F...0x9F, 0x2028, 0x2029: true
        default: false
        }
    }

    /// Checks that the text has a character that is not white space.
    @inlinable
    public static func notBlank<Value: _ConstrainedValue>(
        _ value: Value, _ path: String, _ decoder: inout _MessageDecoder
    ) where Value._Leaf == String {
        value._forEachLeaf(path) { checkNotBlank($0, $1, &decoder) }
    }

    @usableFromInline
    static func checkNotBlank(_ text: String, _ path: String, _ decoder: inout _MessageDecoder) {
        if text.unicodeScalars.allSatisfy(\.properties.isWhitespace) {
            decoder.violated("notBlank", "must not be empty or only white space", at: path)
        }
    }

    /// Checks that the value is in the range.
    @inlinable
    public static func inRange<Value: _ConstrainedValue>(
        _ value: Value, _ range: some RangeExpression<Value._Leaf> & Sendable, _ path: String,
        _ decoder: inout _MessageDecoder
    ) where Value._Leaf: Comparable {
        value._forEachLeaf(path) { leaf, path in
            if !range.contains(leaf) { decoder.violated("range", "must be \(text(range))", at: path) }
        }
    }

    /// Checks that the number is a multiple of `divisor`, which must be above 0.
    @inlinable
    public static func multiple<Value: _ConstrainedValue>(
        _ value: Value, _ divisor: Value._Leaf, _ path: String, _ decoder: inout _MessageDecoder
    ) where Value._Leaf: FixedWidthInteger {
        value._forEachLeaf(path) { leaf, path in
            if !leaf.isMultiple(of: divisor) {
                decoder.violated("multiple", "must be a multiple of \(divisor)", at: path)
            }
        }
    }

    /// Checks that the instant is a multiple of `minutes` from 1970-01-01T00:00:00Z.
    @inlinable
    public static func wholeMinutes<Value: _ConstrainedValue>(
        _ value: Value, _ minutes: Int, _ path: String, _ decoder: inout _MessageDecoder
    ) where Value._Leaf == Instant {
        value._forEachLeaf(path) { leaf, path in
            if !leaf.milliseconds.isMultiple(of: Int64(minutes) * 60_000) {
                decoder.violated("wholeMinutes", "must be on a multiple of \(minutes) minutes", at: path)
            }
        }
    }

    /// Checks the number of elements of the array.
    @inlinable
    public static func items<Element>(
        _ value: [Element]?, _ range: ClosedRange<Int>, _ path: String, _ decoder: inout _MessageDecoder
    ) {
        guard let value, !range.contains(value.count) else { return }
        decoder.violated("items", "must have \(range.lowerBound) to \(range.upperBound) elements", at: path)
    }

    /// Checks that no two elements of the array are equal.
    @inlinable
    public static func distinct<Element: Hashable>(
        _ value: [Element]?, _ path: String, _ decoder: inout _MessageDecoder
    ) {
        guard let value, Set(value).count != value.count else { return }
        decoder.violated("distinct", "must have no element twice", at: path)
    }

    /// Checks that the text is an email address, as forms accept it: at most 254 bytes (RFC 5321, 4.5.3.1), with one
    /// `@`.
    ///
    /// The local part has 1 to 64 bytes. The domain has two labels or more, of 1 to 63 bytes each. Labels consist of
    /// letters, digits and inner hyphens. Characters outside ASCII count as letters.
    @inlinable
    public static func email<Value: _ConstrainedValue>(
        _ value: Value, _ path: String, _ decoder: inout _MessageDecoder
    ) where Value._Leaf == String {
        value._forEachLeaf(path) { text, path in
            if !isEmail(text) { decoder.violated("email", "must be an email address", at: path) }
        }
    }

    /// Checks that the whole text matches a regular expression, and has at most `bytes` bytes of UTF-8 (default 1024).
    ///
    /// Does not match a longer text, because an expression may take long.
    @inlinable
    public static func matches<Value: _ConstrainedValue>(
        _ value: Value, _ expression: @autoclosure () -> Regex<some Any>, bytes: Int = 1024, _ path: String,
        _ decoder: inout _MessageDecoder
    ) where Value._Leaf == String {
        value._forEachLeaf(path) { text, path in
            if text.utf8.count > bytes {
                decoder.violated("bytes", "must have at most \(bytes) bytes", at: path)
            } else if (try? expression().wholeMatch(in: text)) == nil {
                decoder.violated("matches", "has the wrong form", at: path)
            }
        }
    }

    @usableFromInline
    static func isEmail(_ value: String) -> Bool {
        guard value.utf8.count <= 254 else { return false }
        let bytes = Array(value.utf8)
        guard let at = bytes.firstIndex(of: UInt8(ascii: "@")), bytes.lastIndex(of: UInt8(ascii: "@")) == at,
            (1...64).contains(at)
        else { return false }
        guard bytes.allSatisfy({ $0 > 0x20 && $0 != 0x7F && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: ",") }),
            !value.unicodeScalars.contains(where: isControl)
        else { return false }
        let local = bytes[..<at].split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        let labels = bytes[(at + 1)...].split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        return local.allSatisfy { !$0.isEmpty } && labels.count >= 2 && labels.allSatisfy(isLabel)
    }

    private static func isLabel(_ label: ArraySlice<UInt8>) -> Bool {
        guard (1...63).contains(label.count), label.first != UInt8(ascii: "-"), label.last != UInt8(ascii: "-") else {
            return false
        }
        return label.allSatisfy { byte in
            (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte)
                || byte == UInt8(ascii: "-") || byte >= 0x80
        }
    }

    @usableFromInline
    static func text<Value>(_ range: some RangeExpression<Value>) -> String {
        switch range {
        case let range as ClosedRange<Value>: "between \(range.lowerBound) and \(range.upperBound)"
        case let range as PartialRangeFrom<Value>: "at least \(range.lowerBound)"
        case let range as PartialRangeThrough<Value>: "at most \(range.upperBound)"
        case let range as PartialRangeUpTo<Value>: "less than \(range.upperBound)"
        case let range as Range<Value>: "at least \(range.lowerBound) and less than \(range.upperBound)"
        default: "in the allowed range"
        }
    }
}

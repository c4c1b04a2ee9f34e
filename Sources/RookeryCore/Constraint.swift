/// The rules that the attributes on a message's properties state. Code written by `@Message` calls them once the
/// property has been read; strings in arrays are checked one by one.
public enum Constraint {
    /// A string has that many characters as people count them, at least and at most.
    public static func length(
        _ value: String, _ range: ClosedRange<Int>, _ path: String, _ decoder: inout MessageDecoder
    ) {
        let count = value.count
        if !range.contains(count) {
            decoder.violated("length", "must have \(range.lowerBound) to \(range.upperBound) characters", at: path)
        }
    }

    /// A number lies in the range.
    public static func inRange<Value: Comparable & Sendable>(
        _ value: Value, _ range: some RangeExpression<Value> & Sendable, _ path: String, _ decoder: inout MessageDecoder
    ) {
        if !range.contains(value) { decoder.violated("range", "must be \(text(range))", at: path) }
    }

    /// An array has that many elements.
    public static func items<Element>(
        _ value: [Element], _ range: ClosedRange<Int>, _ path: String, _ decoder: inout MessageDecoder
    ) {
        if !range.contains(value.count) {
            decoder.violated("items", "must have \(range.lowerBound) to \(range.upperBound) elements", at: path)
        }
    }

    /// A string is an email address as forms take it: one `@`, a local part up to 64 bytes, a domain with a dot whose
    /// labels are letters, digits and inner hyphens; 254 bytes in all (RFC 5321, 4.5.3.1).
    public static func email(_ value: String, _ path: String, _ decoder: inout MessageDecoder) {
        if !isEmail(value) { decoder.violated("email", "must be an email address", at: path) }
    }

    /// A string matches the whole of a regular expression.
    public static func matches(
        _ value: String, _ expression: @autoclosure () -> Regex<some Any>, _ path: String,
        _ decoder: inout MessageDecoder
    ) {
        if (try? expression().wholeMatch(in: value)) == nil {
            decoder.violated("matches", "has the wrong form", at: path)
        }
    }

    static func isEmail(_ value: String) -> Bool {
        let bytes = Array(value.utf8)
        guard bytes.count <= 254, let at = bytes.firstIndex(of: UInt8(ascii: "@")),
            bytes.lastIndex(of: UInt8(ascii: "@")) == at, (1...64).contains(at)
        else { return false }
        guard bytes.allSatisfy({ $0 > 0x20 && $0 != 0x7F && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: ",") })
        else {
            return false
        }
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

    private static func text<Value>(_ range: some RangeExpression<Value>) -> String {
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

// Optional properties are checked when they are there, arrays of strings and numbers element by element.
extension Constraint {
    /// As for a string, when there is one.
    public static func length(
        _ value: String?, _ range: ClosedRange<Int>, _ path: String, _ decoder: inout MessageDecoder
    ) {
        if let value { length(value, range, path, &decoder) }
    }

    /// As for a string, for each.
    public static func length(
        _ value: [String], _ range: ClosedRange<Int>, _ path: String, _ decoder: inout MessageDecoder
    ) {
        for (at, value) in value.enumerated() { length(value, range, "\(path)[\(at)]", &decoder) }
    }

    /// As for a number, when there is one.
    public static func inRange<Value: Comparable & Sendable>(
        _ value: Value?, _ range: some RangeExpression<Value> & Sendable, _ path: String,
        _ decoder: inout MessageDecoder
    ) {
        if let value { inRange(value, range, path, &decoder) }
    }

    /// As for a number, for each.
    public static func inRange<Value: Comparable & Sendable>(
        _ value: [Value], _ range: some RangeExpression<Value> & Sendable, _ path: String,
        _ decoder: inout MessageDecoder
    ) {
        for (at, value) in value.enumerated() { inRange(value, range, "\(path)[\(at)]", &decoder) }
    }

    /// As for an array, when there is one.
    public static func items<Element>(
        _ value: [Element]?, _ range: ClosedRange<Int>, _ path: String, _ decoder: inout MessageDecoder
    ) {
        if let value { items(value, range, path, &decoder) }
    }

    /// As for a string, when there is one.
    public static func email(_ value: String?, _ path: String, _ decoder: inout MessageDecoder) {
        if let value { email(value, path, &decoder) }
    }

    /// As for a string, when there is one.
    public static func matches(
        _ value: String?, _ expression: @autoclosure () -> Regex<some Any>, _ path: String,
        _ decoder: inout MessageDecoder
    ) {
        if let value { matches(value, expression(), path, &decoder) }
    }
}

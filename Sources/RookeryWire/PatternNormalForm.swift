/// The normal form of a pattern, which Nest uses to find handlers (`MsvcUtil.transformPatternToRoute`).
package enum PatternNormalForm {
    private static let depthLimit = 5

    /// Returns the normal form of a registered or emitted pattern. Returns nil for `null` and booleans, which Nest
    /// never matches.
    ///
    /// A string or number becomes its text. An array becomes an object with its indices as keys. Values nested deeper
    /// than 5 become `[MAX_DEPTH_REACHED]`. The text of an object has its members sorted by their UTF-8 bytes. Nest
    /// sorts them by the locale of its process. The receiver normalises again, so any fixed order reaches the same
    /// handler.
    package static func route(of pattern: JSONValue) -> String? {
        switch pattern {
        case .null, .bool: nil
        default: text(of: pattern, depth: 0)
        }
    }

    /// Returns the normal form of a received pattern. A string that is valid JSON counts as that JSON value, so `"7"`,
    /// `"7.0"` and `7` are one pattern.
    package static func route(ofReceived pattern: JSONValue) -> String? {
        guard case .string(let text) = pattern else { return route(of: pattern) }
        guard let value = try? JSONValue(parsing: text) else { return text }
        return route(of: value)
    }

    private static func text(of value: JSONValue, depth: Int) -> String {
        if depth > depthLimit { return "[MAX_DEPTH_REACHED]" }
        switch value {
        case .string(let text): return depth == 0 ? text : escaped(text)
        case .object(let object):
            return members(object.map { ($0, $1) }, depth: depth)
        case .array(let values):
            return members(values.enumerated().map { (String($0), $1) }, depth: depth)
        default: return javaScript(value).jsonText
        }
    }

    private static func members(_ members: [(key: String, value: JSONValue)], depth: Int) -> String {
        let sorted = members.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
        let texts = sorted.map { key, value in
            let text = text(of: value, depth: depth + 1)
            if case .string = value { return "\"\(escaped(key))\":\"\(text)\"" }
            return "\"\(escaped(key))\":\(text)"
        }
        return "{\(texts.joined(separator: ","))}"
    }

    private static func escaped(_ text: String) -> String {
        guard text.utf8.contains(where: { $0 == UInt8(ascii: "\\") || $0 == UInt8(ascii: "\"") }) else { return text }
        var bytes: [UInt8] = []
        for byte in text.utf8 {
            if byte == UInt8(ascii: "\\") || byte == UInt8(ascii: "\"") { bytes.append(UInt8(ascii: "\\")) }
            bytes.append(byte)
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Converts integers to doubles, the only number type of JavaScript.
    private static func javaScript(_ value: JSONValue) -> JSONValue {
        switch value {
        case .int(let value): .double(Double(value))
        case .uint(let value): .double(Double(value))
        default: value
        }
    }
}

/// The normal form of a pattern, by which Nest finds handlers (`MsvcUtil.transformPatternToRoute`).
package enum PatternNormalForm {
    private static let depthLimit = 5

    /// The normal form of a pattern as it is registered or emitted: strings and numbers are their text, an object has its
    /// members sorted. Nil for `null` and booleans, which Nest never matches.
    ///
    /// Members are sorted by their UTF-8 bytes. Nest sorts by the process's locale; since the receiver normalises again,
    /// any fixed order reaches the same handler.
    package static func route(of pattern: JSONValue) -> String? {
        switch pattern {
        case .null, .bool: nil
        default: text(of: pattern, depth: 0)
        }
    }

    /// The normal form of a pattern as it was received: a string that is JSON is taken for that value first, so that
    /// `"7"`, `"7.0"` and `7` are one pattern.
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

    /// JavaScript has one kind of number.
    private static func javaScript(_ value: JSONValue) -> JSONValue {
        switch value {
        case .int(let value): .double(Double(value))
        case .uint(let value): .double(Double(value))
        default: value
        }
    }
}

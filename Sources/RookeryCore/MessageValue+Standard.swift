public import RookeryWire

extension Bool: MessageValue {
    /// Reads `true` or `false`.
    public static func decodeJSON(_ decoder: inout MessageDecoder) throws(JSONError) -> Bool? {
        guard try decoder.reader.peek() == .bool else {
            try decoder.mismatch("true or false")
            return nil
        }
        return try decoder.reader.readBool()
    }

    /// Writes `true` or `false`.
    @inlinable public func encodeJSON(to writer: inout JSONWriter) { writer.write(self) }
}

extension String: MessageValue {
    /// Reads a string.
    public static func decodeJSON(_ decoder: inout MessageDecoder) throws(JSONError) -> String? {
        guard try decoder.reader.peek() == .string else {
            try decoder.mismatch("a string")
            return nil
        }
        return try decoder.reader.readString()
    }

    /// Writes a string.
    @inlinable public func encodeJSON(to writer: inout JSONWriter) { writer.write(self) }
}

extension Double: MessageValue {
    /// Reads a number; one beyond Double does not fit.
    public static func decodeJSON(_ decoder: inout MessageDecoder) throws(JSONError) -> Double? {
        guard try decoder.reader.peek() == .number else {
            try decoder.mismatch("a number")
            return nil
        }
        switch try decoder.reader.readNumber() {
        case .int(let value): return Double(value)
        case .uint(let value): return Double(value)
        case .double(let value):
            if value.isFinite { return value }
            decoder.violated("range", "must be a number that fits 64 bits")
            return nil
        }
    }

    /// Writes a number as JavaScript does; NaN and infinities as `null`.
    @inlinable public func encodeJSON(to writer: inout JSONWriter) { writer.write(self) }
}

extension MessageValue where Self: FixedWidthInteger {
    /// Reads an integer; `1.0` and `1e3` are integers, as in JavaScript. One too large for the type does not fit.
    public static func decodeJSON(_ decoder: inout MessageDecoder) throws(JSONError) -> Self? {
        guard try decoder.reader.peek() == .number else {
            try decoder.mismatch("an integer")
            return nil
        }
        switch try decoder.reader.readNumber() {
        case .int(let value):
            if let exact = Self(exactly: value) { return exact }
        case .uint(let value):
            if let exact = Self(exactly: value) { return exact }
        case .double(let value):
            if let exact = Self(exactly: value) { return exact }
            if value.isFinite, value != value.rounded() {
                decoder.violated("type", "must be an integer")
                return nil
            }
        }
        decoder.violated("range", "must be between \(Self.min) and \(Self.max)")
        return nil
    }
}

extension Int: MessageValue {
    /// Writes the integer.
    @inlinable public func encodeJSON(to writer: inout JSONWriter) { writer.write(self) }
}
extension Int8: MessageValue {
    /// Writes the integer.
    @inlinable public func encodeJSON(to writer: inout JSONWriter) { writer.write(self) }
}
extension Int16: MessageValue {
    /// Writes the integer.
    @inlinable public func encodeJSON(to writer: inout JSONWriter) { writer.write(self) }
}
extension Int32: MessageValue {
    /// Writes the integer.
    @inlinable public func encodeJSON(to writer: inout JSONWriter) { writer.write(self) }
}
extension Int64: MessageValue {
    /// Writes the integer.
    @inlinable public func encodeJSON(to writer: inout JSONWriter) { writer.write(self) }
}
extension UInt: MessageValue {
    /// Writes the integer.
    @inlinable public func encodeJSON(to writer: inout JSONWriter) { writer.write(self) }
}
extension UInt8: MessageValue {
    /// Writes the integer.
    @inlinable public func encodeJSON(to writer: inout JSONWriter) { writer.write(self) }
}
extension UInt16: MessageValue {
    /// Writes the integer.
    @inlinable public func encodeJSON(to writer: inout JSONWriter) { writer.write(self) }
}
extension UInt32: MessageValue {
    /// Writes the integer.
    @inlinable public func encodeJSON(to writer: inout JSONWriter) { writer.write(self) }
}
extension UInt64: MessageValue {
    /// Writes the integer.
    @inlinable public func encodeJSON(to writer: inout JSONWriter) { writer.write(self) }
}

extension Optional: MessageValue where Wrapped: MessageValue {
    /// Reads `null` as nil.
    public static func decodeJSON(_ decoder: inout MessageDecoder) throws(JSONError) -> Wrapped?? {
        if try decoder.reader.readNull() { return .some(nil) }
        guard let value = try Wrapped.decodeJSON(&decoder) else { return nil }
        return .some(value)
    }

    /// Writes nil as `null`. `@Message` leaves an absent member out instead.
    @inlinable
    public func encodeJSON(to writer: inout JSONWriter) {
        if let self { self.encodeJSON(to: &writer) } else { writer.writeNull() }
    }

    /// Absent is nil.
    @inlinable public static var whenAbsent: Wrapped?? { .some(nil) }
}

extension Array: MessageValue where Element: MessageValue {
    /// Reads an array; violations name the index.
    public static func decodeJSON(_ decoder: inout MessageDecoder) throws(JSONError) -> [Element]? {
        guard try decoder.reader.peek() == .array else {
            try decoder.mismatch("an array")
            return nil
        }
        try decoder.reader.beginArray()
        var values: [Element] = []
        var complete = true
        var at = 0
        var first = true
        while try decoder.reader.nextElement(&first) {
            let mark = decoder.violationCount
            if let value = try Element.decodeJSON(&decoder) { values.append(value) } else { complete = false }
            if decoder.violationCount != mark { decoder.prefix(since: mark, with: "[\(at)]") }
            at += 1
        }
        return complete ? values : nil
    }

    /// Writes an array.
    @inlinable
    public func encodeJSON(to writer: inout JSONWriter) {
        writer.beginArray()
        for value in self {
            writer.element()
            value.encodeJSON(to: &writer)
        }
        writer.endArray()
    }
}

extension Dictionary: MessageValue where Key == String, Value: MessageValue {
    /// Reads an object of like values.
    public static func decodeJSON(_ decoder: inout MessageDecoder) throws(JSONError) -> [String: Value]? {
        guard try decoder.beginMessage() else { return nil }
        var values: [String: Value] = [:]
        var complete = true
        var first = true
        while let key = try decoder.reader.nextKey(&first) {
            let name = key.string
            let mark = decoder.violationCount
            if let value = try Value.decodeJSON(&decoder) { values[name] = value } else { complete = false }
            if decoder.violationCount != mark { decoder.prefix(since: mark, with: name) }
        }
        return complete ? values : nil
    }

    /// Writes an object, its members sorted, so that equal dictionaries give equal text.
    public func encodeJSON(to writer: inout JSONWriter) {
        writer.beginObject()
        for (key, value) in sorted(by: { $0.key < $1.key }) {
            writer.key(key)
            value.encodeJSON(to: &writer)
        }
        writer.endObject()
    }
}

extension MessageValue where Self: RawRepresentable, RawValue: MessageValue {
    /// Reads a raw value that a case has.
    public static func decodeJSON(_ decoder: inout MessageDecoder) throws(JSONError) -> Self? {
        guard let raw = try RawValue.decodeJSON(&decoder) else { return nil }
        if let value = Self(rawValue: raw) { return value }
        decoder.violated("enum", allowedValues.map { "must be one of \($0)" } ?? "must be a known value")
        return nil
    }

    /// Writes the raw value.
    @inlinable public func encodeJSON(to writer: inout JSONWriter) { rawValue.encodeJSON(to: &writer) }

    private static var allowedValues: String? {
        guard let type = Self.self as? any CaseIterable.Type else { return nil }
        return rawValues(of: type).joined(separator: ", ")
    }

    private static func rawValues<Cases: CaseIterable>(of type: Cases.Type) -> [String] {
        type.allCases.compactMap { ($0 as? Self).map { "\($0.rawValue)" } }
    }
}

extension JSONValue: MessageValue {
    /// Reads any value.
    public static func decodeJSON(_ decoder: inout MessageDecoder) throws(JSONError) -> JSONValue? {
        try decoder.reader.readValue()
    }

    /// Writes the value.
    public func encodeJSON(to writer: inout JSONWriter) { write(to: &writer) }
}

/// JSON text that is ready to send.
public struct RawJSON: MessageValue, Hashable {
    /// The text.
    public let text: String

    /// Takes text, which must be one JSON value.
    public init(_ text: String) { self.text = text }

    /// Keeps the text of any value.
    public static func decodeJSON(_ decoder: inout MessageDecoder) throws(JSONError) -> RawJSON? {
        RawJSON(try decoder.reader.readValue().jsonText)
    }

    /// Writes the text as it is.
    public func encodeJSON(to writer: inout JSONWriter) {
        Array(text.utf8).withUnsafeBytes { writer.verbatim($0) }
    }
}

/// A message without members: `{}` is written; anything, or nothing, is read.
public struct Empty: Message, Hashable {
    /// Makes one.
    public init() {}
    /// Passes over whatever came.
    public static func decodeJSON(_ decoder: inout MessageDecoder) throws(JSONError) -> Empty? {
        try decoder.reader.skipValue()
        return Empty()
    }
    /// Writes `{}`.
    public func encodeJSON(to writer: inout JSONWriter) { writer.verbatim("{}") }
    /// Absent is as good.
    public static var whenAbsent: Empty? { Empty() }
}

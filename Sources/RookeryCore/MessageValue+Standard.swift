public import RookeryWire

extension Bool: MessageValue {
    /// Reads `true` or `false`.
    public static func decode(_ decoder: inout MessageDecoder) throws(MalformedValue) -> Bool? {
        guard try decoder.reader.peek() == .bool else {
            try decoder.mismatch("true or false")
            return nil
        }
        return try decoder.reader.readBool()
    }

    /// Writes `true` or `false`.
    @inlinable public func encode(to writer: inout ValueWriter) { writer.write(self) }
}

extension String: MessageValue {
    /// Reads a string.
    public static func decode(_ decoder: inout MessageDecoder) throws(MalformedValue) -> String? {
        guard try decoder.reader.peek() == .string else {
            try decoder.mismatch("a string")
            return nil
        }
        return try decoder.reader.readString()
    }

    /// Writes a string.
    @inlinable public func encode(to writer: inout ValueWriter) { writer.write(self) }
}

extension Double: MessageValue {
    /// Reads a number; one beyond Double does not fit.
    public static func decode(_ decoder: inout MessageDecoder) throws(MalformedValue) -> Double? {
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
    @inlinable public func encode(to writer: inout ValueWriter) { writer.write(self) }
}

extension MessageValue where Self: FixedWidthInteger {
    /// Reads an integer; `1.0` and `1e3` are integers, as in JavaScript. One too large for the type does not fit.
    @inlinable
    public static func decode(_ decoder: inout MessageDecoder) throws(MalformedValue) -> Self? {
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

extension MessageValue where Self: FixedWidthInteger & SignedInteger {
    /// Writes the integer.
    @inlinable public func encode(to writer: inout ValueWriter) { writer.write(self) }
}

extension MessageValue where Self: FixedWidthInteger & UnsignedInteger {
    /// Writes the integer.
    @inlinable public func encode(to writer: inout ValueWriter) { writer.write(self) }
}

extension Int: MessageValue {}
extension Int8: MessageValue {}
extension Int16: MessageValue {}
extension Int32: MessageValue {}
extension Int64: MessageValue {}
extension UInt: MessageValue {}
extension UInt8: MessageValue {}
extension UInt16: MessageValue {}
extension UInt32: MessageValue {}
extension UInt64: MessageValue {}

extension Optional: MessageValue where Wrapped: MessageValue {
    /// Reads `null` as nil.
    @inlinable
    public static func decode(_ decoder: inout MessageDecoder) throws(MalformedValue) -> Wrapped?? {
        if try decoder.reader.readNull() { return .some(nil) }
        guard let value = try Wrapped.decode(&decoder) else { return nil }
        return .some(value)
    }

    /// Writes nil as `null`. `@Message` leaves an absent member out instead.
    @inlinable
    public func encode(to writer: inout ValueWriter) {
        if let self { self.encode(to: &writer) } else { writer.writeNull() }
    }

    /// Absent is nil.
    @inlinable public static var whenAbsent: Wrapped?? { .some(nil) }

    /// As the wrapped type.
    @inlinable public static var allowsCompression: Bool { Wrapped.allowsCompression }
}

extension Array: MessageValue where Element: MessageValue {
    /// Reads an array; violations name the index.
    @inlinable
    public static func decode(_ decoder: inout MessageDecoder) throws(MalformedValue) -> [Element]? {
        guard try decoder.reader.peek() == .array else {
            try decoder.mismatch("an array")
            return nil
        }
        var members = try decoder.reader.beginArray()
        var values: [Element] = []
        var complete = true
        var at = 0
        while try decoder.reader.nextElement(&members) {
            let mark = decoder.violationCount
            if let value = try Element.decode(&decoder) { values.append(value) } else { complete = false }
            if decoder.violationCount != mark { decoder.prefix(since: mark, with: "[\(at)]") }
            at += 1
        }
        return complete ? values : nil
    }

    /// As the elements.
    @inlinable public static var allowsCompression: Bool { Element.allowsCompression }

    /// Writes an array.
    @inlinable
    public func encode(to writer: inout ValueWriter) {
        writer.beginArray(count)
        for value in self {
            writer.element()
            value.encode(to: &writer)
        }
        writer.endArray()
    }
}

extension Dictionary: MessageValue where Key == String, Value: MessageValue {
    /// Reads an object of like values.
    public static func decode(_ decoder: inout MessageDecoder) throws(MalformedValue) -> [String: Value]? {
        guard var members = try decoder.beginMessage() else { return nil }
        var values: [String: Value] = [:]
        var complete = true
        while let key = try decoder.reader.nextKey(&members) {
            let name = key.string
            let mark = decoder.violationCount
            if let value = try Value.decode(&decoder) { values[name] = value } else { complete = false }
            if decoder.violationCount != mark { decoder.prefix(since: mark, with: name) }
        }
        return complete ? values : nil
    }

    /// As the values.
    @inlinable public static var allowsCompression: Bool { Value.allowsCompression }

    /// Writes an object, its members sorted, so that equal dictionaries give equal text.
    public func encode(to writer: inout ValueWriter) {
        writer.beginObject(count)
        for (key, value) in sorted(by: { $0.key < $1.key }) {
            writer.key(dynamic: key)
            value.encode(to: &writer)
        }
        writer.endObject()
    }
}

extension MessageValue where Self: RawRepresentable, RawValue: MessageValue {
    /// Reads a raw value that a case has.
    public static func decode(_ decoder: inout MessageDecoder) throws(MalformedValue) -> Self? {
        guard let raw = try RawValue.decode(&decoder) else { return nil }
        if let value = Self(rawValue: raw) { return value }
        decoder.violated("enum", allowedValues.map { "must be one of \($0)" } ?? "must be a known value")
        return nil
    }

    /// Writes the raw value.
    @inlinable public func encode(to writer: inout ValueWriter) { rawValue.encode(to: &writer) }

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
    public static func decode(_ decoder: inout MessageDecoder) throws(MalformedValue) -> JSONValue? {
        try decoder.reader.readValue()
    }

    /// Writes the value.
    public func encode(to writer: inout ValueWriter) { write(to: &writer) }
}

/// JSON text that is ready to send.
public struct RawJSON: MessageValue, Hashable {
    /// The text.
    public let text: String

    /// Takes text, which must be one JSON value.
    public init(_ text: String) { self.text = text }

    /// Keeps the text of any value.
    public static func decode(_ decoder: inout MessageDecoder) throws(MalformedValue) -> RawJSON? {
        RawJSON(try decoder.reader.readValue().jsonText)
    }

    /// Writes the text as it is; in another format than JSON, the value that it stands for.
    public func encode(to writer: inout ValueWriter) {
        if writer.format == .json {
            Array(text.utf8).withUnsafeBytes { writer.verbatim($0) }
        } else {
            // Text that is no JSON was promised not to come; null is all that can be said then.
            ((try? JSONValue(parsing: text)) ?? .null).write(to: &writer)
        }
    }
}

/// A message without members: `{}` is written; anything, or nothing, is read.
public struct Empty: Message, Hashable {
    /// Makes one.
    public init() {}
    /// Passes over whatever came.
    public static func decode(_ decoder: inout MessageDecoder) throws(MalformedValue) -> Empty? {
        try decoder.reader.skipValue()
        return Empty()
    }
    /// Writes `{}`.
    public func encode(to writer: inout ValueWriter) {
        writer.beginObject(0)
        writer.endObject()
    }
    /// Absent is as good.
    public static var whenAbsent: Empty? { Empty() }
}

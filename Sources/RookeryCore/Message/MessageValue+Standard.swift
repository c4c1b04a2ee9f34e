public import RookeryWire

extension Bool: MessageValue {
    /// `true` or `false`.
    public static var _schema: Schema { Schema(.boolean) }

    /// Reads `true` or `false`.
    public static func _decode(_ decoder: inout _MessageDecoder) throws(MalformedValue) -> Bool? {
        guard try decoder.reader.peek() == .bool else {
            try decoder.mismatch("true or false")
            return nil
        }
        return try decoder.reader.readBool()
    }

    /// Writes `true` or `false`.
    @inlinable public func _encode(to writer: inout _ValueWriter) { writer.write(self) }
}

extension String: MessageValue {
    /// Text.
    public static var _schema: Schema { Schema(.string()) }

    /// Reads a string.
    public static func _decode(_ decoder: inout _MessageDecoder) throws(MalformedValue) -> String? {
        guard try decoder.reader.peek() == .string else {
            try decoder.mismatch("a string")
            return nil
        }
        return try decoder.reader.readString()
    }

    /// Writes a string.
    @inlinable public func _encode(to writer: inout _ValueWriter) { writer.write(self) }
}

extension Double: MessageValue {
    /// A number.
    public static var _schema: Schema { Schema(.number) }

    /// Reads a number. A number beyond `Double` is a violation.
    public static func _decode(_ decoder: inout _MessageDecoder) throws(MalformedValue) -> Double? {
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

    /// Writes a number as JavaScript does. NaN and the infinities become `null`.
    @inlinable public func _encode(to writer: inout _ValueWriter) { writer.write(self) }
}

extension Float: MessageValue {
    /// A number.
    public static var _schema: Schema { Schema(.number) }

    /// Reads a number and rounds it to a `Float`. A number beyond `Float` is a violation.
    public static func _decode(_ decoder: inout _MessageDecoder) throws(MalformedValue) -> Float? {
        guard let value = try Double._decode(&decoder) else { return nil }
        let float = Float(value)
        if float.isFinite { return float }
        decoder.violated("range", "must be a number that fits 32 bits")
        return nil
    }

    /// Writes the shortest decimal number that reads back as this value. NaN and the infinities become `null`.
    public func _encode(to writer: inout _ValueWriter) {
        // Writes `0.1`. The `Double` of the same value would print as `0.10000000149011612`.
        writer.write(isFinite ? Double(description) ?? Double(self) : .nan)
    }
}

extension MessageValue where Self: FixedWidthInteger {
    /// An integer within the bounds of the type.
    public static var _schema: Schema {
        func bound(_ value: Self) -> JSONValue { Int64(exactly: value).map { .int($0) } ?? .uint(UInt64(value)) }
        return Schema(.integer(minimum: bound(.min), maximum: bound(.max)))
    }

    /// Reads an integer. `1.0` and `1e3` are integers, as in JavaScript. An integer beyond the type is a violation.
    @inlinable
    public static func _decode(_ decoder: inout _MessageDecoder) throws(MalformedValue) -> Self? {
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
    @inlinable public func _encode(to writer: inout _ValueWriter) { writer.write(self) }
}

extension MessageValue where Self: FixedWidthInteger & UnsignedInteger {
    /// Writes the integer.
    @inlinable public func _encode(to writer: inout _ValueWriter) { writer.write(self) }
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
    /// The schema of the wrapped type, as optional.
    public static var _schema: Schema { Schema(.optional(Wrapped._schema)) }

    /// Reads `null` as nil.
    @inlinable
    public static func _decode(_ decoder: inout _MessageDecoder) throws(MalformedValue) -> Wrapped?? {
        if try decoder.reader.readNull() { return .some(nil) }
        guard let value = try Wrapped._decode(&decoder) else { return nil }
        return .some(value)
    }

    /// Writes nil as `null`. `@Message` omits an absent member instead.
    @inlinable
    public func _encode(to writer: inout _ValueWriter) {
        if let self { self._encode(to: &writer) } else { writer.writeNull() }
    }

    /// Nil, because an absent value is valid.
    @inlinable public static var _whenAbsent: Wrapped?? { .some(nil) }

    /// The same as for the wrapped type.
    @inlinable public static var _allowsCompression: Bool { Wrapped._allowsCompression }
}

extension Array: MessageValue where Element: MessageValue {
    /// A list of elements.
    public static var _schema: Schema { Schema(.array(Element._schema)) }

    /// Reads an array. The paths of violations have the index.
    @inlinable
    public static func _decode(_ decoder: inout _MessageDecoder) throws(MalformedValue) -> [Element]? {
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
            if let value = try Element._decode(&decoder) { values.append(value) } else { complete = false }
            if decoder.violationCount != mark { decoder.prefix(since: mark, with: "[\(at)]") }
            at += 1
        }
        return complete ? values : nil
    }

    /// The same as for the elements.
    @inlinable public static var _allowsCompression: Bool { Element._allowsCompression }

    /// Writes an array.
    @inlinable
    public func _encode(to writer: inout _ValueWriter) {
        writer.beginArray(count)
        for value in self {
            writer.element()
            value._encode(to: &writer)
        }
        writer.endArray()
    }
}

extension Dictionary: MessageValue where Key == String, Value: MessageValue {
    /// An object whose values have one type.
    public static var _schema: Schema { Schema(.dictionary(Value._schema)) }

    /// Reads an object whose values have one type.
    public static func _decode(_ decoder: inout _MessageDecoder) throws(MalformedValue) -> [String: Value]? {
        guard var members = try decoder.beginMessage() else { return nil }
        var values: [String: Value] = [:]
        var complete = true
        while let key = try decoder.reader.nextKey(&members) {
            let name = key.string
            let mark = decoder.violationCount
            if let value = try Value._decode(&decoder) { values[name] = value } else { complete = false }
            if decoder.violationCount != mark { decoder.prefix(since: mark, with: name) }
        }
        return complete ? values : nil
    }

    /// The same as for the values.
    @inlinable public static var _allowsCompression: Bool { Value._allowsCompression }

    /// Writes an object with sorted members, so that equal dictionaries give equal text.
    public func _encode(to writer: inout _ValueWriter) {
        writer.beginObject(count)
        for (key, value) in sorted(by: { $0.key < $1.key }) {
            writer.key(dynamic: key)
            value._encode(to: &writer)
        }
        writer.endObject()
    }
}

extension MessageValue where Self: RawRepresentable, RawValue: MessageValue {
    /// An enumeration of the raw values if the type is `CaseIterable`, or else the schema of the raw type.
    public static var _schema: Schema {
        guard let type = Self.self as? any CaseIterable.Type else { return RawValue._schema }
        return Schema._enumeration(Self.self, nil, allCases(of: type))
    }

    private static func allCases<Cases: CaseIterable>(of type: Cases.Type) -> [Self] {
        type.allCases.compactMap { $0 as? Self }
    }

    /// Reads a raw value. A raw value that `init(rawValue:)` rejects is a violation.
    @inlinable
    public static func _decode(_ decoder: inout _MessageDecoder) throws(MalformedValue) -> Self? {
        guard let raw = try RawValue._decode(&decoder) else { return nil }
        if let value = Self(rawValue: raw) { return value }
        decoder.violated("enum", unknownRawValue)
        return nil
    }

    /// Writes the raw value.
    @inlinable public func _encode(to writer: inout _ValueWriter) { rawValue._encode(to: &writer) }

    @usableFromInline
    static var unknownRawValue: String {
        guard let type = Self.self as? any CaseIterable.Type else { return "must be a known value" }
        return "must be one of \(allCases(of: type).map { "\($0.rawValue)" }.joined(separator: ", "))"
    }
}

extension JSONValue: MessageValue {
    /// Any value.
    public static var _schema: Schema { Schema(.any) }

    /// Reads any value.
    public static func _decode(_ decoder: inout _MessageDecoder) throws(MalformedValue) -> JSONValue? {
        try decoder.reader.readValue()
    }

    /// Writes the value.
    public func _encode(to writer: inout _ValueWriter) { write(to: &writer) }
}

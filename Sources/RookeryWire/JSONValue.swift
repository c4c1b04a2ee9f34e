import NIOCore

/// Any JSON value.
public enum JSONValue: Sendable, Hashable {
    /// `null`.
    case null
    /// `true` or `false`.
    case bool(Bool)
    /// An integer.
    case int(Int64)
    /// An integer above `Int64.max`.
    case uint(UInt64)
    /// Any other number.
    case double(Double)
    /// A string.
    case string(String)
    /// An array.
    case array([JSONValue])
    /// An object; members keep their order.
    case object(JSONObject)

    /// Reads one value from UTF-8 text. Throws if the text is not exactly one JSON value.
    package init(parsing bytes: some Sequence<UInt8>) throws(MalformedValue) {
        self = try JSONValue(bytes, format: .json)
    }

    /// Reads one value in the given format. Throws if the bytes are not exactly one value, or nest deeper than
    /// `depthLimit` (default 512).
    package init(
        _ bytes: some Sequence<UInt8>, format: ValueFormat, depthLimit: Int = ValueReader.defaultDepthLimit
    ) throws(MalformedValue) {
        // ByteBuffer, because `Array.withUnsafeBytes` loses the type of the error that its closure throws.
        self = try ByteBuffer(bytes: bytes).withUnsafeReadableBytes { (bytes) throws(MalformedValue) in
            var reader = ValueReader(bytes, format: format, depthLimit: depthLimit)
            let value = try reader.readValue()
            try reader.finish()
            return value
        }
    }

    /// Reads one value from text. Throws if the text is not exactly one JSON value, or nests deeper than 512.
    public init(parsing text: String) throws(MalformedValue) {
        self = try JSONValue(parsing: text.utf8)
    }

    /// The member `key`. Nil if this is not an object or has no such member.
    public subscript(_ key: String) -> JSONValue? {
        if case .object(let object) = self { object[key] } else { nil }
    }

    /// The text, if this is a string.
    public var stringValue: String? {
        if case .string(let value) = self { value } else { nil }
    }

    /// The number, if this is an integer that fits `Int`, or a double that converts to `Int` exactly.
    public var intValue: Int? {
        switch self {
        case .int(let value): Int(value)
        case .double(let value): Int(exactly: value)
        default: nil
        }
    }

    /// The elements, if this is an array.
    public var arrayValue: [JSONValue]? {
        if case .array(let values) = self { values } else { nil }
    }

    /// Whether JavaScript's `if (value)` takes the branch.
    package var isTruthy: Bool {
        switch self {
        case .null: false
        case .bool(let value): value
        case .int(let value): value != 0
        case .uint: true
        case .double(let value): value != 0 && !value.isNaN
        case .string(let value): !value.isEmpty
        case .array, .object: true
        }
    }

    /// Writes the value. JSON text is the same as from `JSON.stringify`.
    package func write(to writer: inout ValueWriter) {
        switch self {
        case .null: writer.writeNull()
        case .bool(let value): writer.write(value)
        case .int(let value): writer.write(value)
        case .uint(let value): writer.write(value)
        case .double(let value): writer.write(value)
        case .string(let value): writer.write(value)
        case .array(let values):
            writer.beginArray(values.count)
            for value in values {
                writer.element()
                value.write(to: &writer)
            }
            writer.endArray()
        case .object(let object):
            writer.beginObject(object.count)
            for (key, value) in object {
                writer.key(dynamic: key)
                value.write(to: &writer)
            }
            writer.endObject()
        }
    }

    /// Encodes the value in the given format.
    package func bytes(as format: _ValueFormat) -> [UInt8] {
        var writer = ValueWriter(format: format)
        write(to: &writer)
        return writer.bytes
    }

    /// The value as JSON text.
    public var jsonText: String {
        var writer = ValueWriter()
        write(to: &writer)
        return writer.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
    }
}

extension JSONValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral,
    ExpressibleByFloatLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral, ExpressibleByNilLiteral
{
    /// A string.
    public init(stringLiteral value: String) { self = .string(value) }
    /// An integer.
    public init(integerLiteral value: Int64) { self = .int(value) }
    /// A boolean.
    public init(booleanLiteral value: Bool) { self = .bool(value) }
    /// A number.
    public init(floatLiteral value: Double) { self = .double(value) }
    /// An array.
    public init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
    /// An object. If a key repeats, the last value wins.
    public init(dictionaryLiteral elements: (String, JSONValue)...) {
        var object = JSONObject()
        for (key, value) in elements { object[key] = value }
        self = .object(object)
    }
    /// `null`.
    public init(nilLiteral: ()) { self = .null }
}

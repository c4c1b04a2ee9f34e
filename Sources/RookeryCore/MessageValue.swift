public import RookeryWire

/// A value that can stand in a message: it writes itself as JSON and reads itself back.
///
/// `@Message` writes the conformance for structs and enums; the standard types have it.
public protocol MessageValue: Sendable {
    /// Reads the value at which the decoder stands. Nil when it does not fit the type or its constraints: every reason is
    /// then among the decoder's violations, and the value has been passed over. Throws only when the text is not JSON.
    static func decodeJSON(_ decoder: inout MessageDecoder) throws(JSONError) -> Self?

    /// Writes the value.
    func encodeJSON(to writer: inout JSONWriter)

    /// What a member that is absent stands for; nil when it is required.
    static var whenAbsent: Self? { get }
}

extension MessageValue {
    /// Required.
    @inlinable public static var whenAbsent: Self? { nil }

    /// Reads a value from JSON text. Throws ``InvalidPayload`` with every violation, or ``RookeryWire/JSONError``.
    public static func decode(json bytes: UnsafeRawBufferPointer, forbidUnknown: Bool = false) throws -> Self {
        var decoder = MessageDecoder(bytes, forbidUnknown: forbidUnknown)
        let value = try Self.decodeJSON(&decoder)
        try decoder.finish()
        guard let value, decoder.violations.isEmpty else { throw InvalidPayload(violations: decoder.violations) }
        return value
    }

    /// Reads a value from JSON text. Throws ``InvalidPayload`` with every violation, or ``RookeryWire/JSONError``.
    public static func decode(json text: String) throws -> Self {
        try Array(text.utf8).withUnsafeBytes { try decode(json: $0) }
    }

    /// The value as JSON text.
    public var json: String {
        var writer = JSONWriter()
        encodeJSON(to: &writer)
        return writer.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
    }
}

/// A type declared with `@Message`.
public protocol Message: MessageValue {}

/// Something wrong with one member of a message.
public struct Violation: Sendable, Hashable {
    /// Where: `owner.pets[2].name`; empty for the message itself.
    public let path: String
    /// Which rule: `required`, `type`, `length`, `range`, …
    public let constraint: String
    /// What is expected, without the offending value.
    public let message: String

    /// Names a violation.
    public init(path: String, constraint: String, message: String) {
        self.path = path
        self.constraint = constraint
        self.message = message
    }

    /// The violation as `{path, constraint, message}`.
    public var jsonValue: JSONValue {
        ["path": .string(path), "constraint": .string(constraint), "message": .string(message)]
    }

    func inside(_ parent: String) -> Violation {
        let joined = path.isEmpty ? parent : path.hasPrefix("[") ? parent + path : "\(parent).\(path)"
        return Violation(path: joined, constraint: constraint, message: message)
    }
}

/// A message that does not fit its type; lists all that is wrong with it.
public struct InvalidPayload: Error, Sendable, Hashable, CustomStringConvertible {
    /// Every violation found, at most 100.
    public let violations: [Violation]

    /// Makes the error.
    public init(violations: [Violation]) { self.violations = violations }

    /// Lists paths and rules.
    public var description: String {
        violations.map { "\($0.path.isEmpty ? "message" : $0.path): \($0.message)" }.joined(separator: "; ")
    }
}

/// Reads messages from JSON and gathers what is wrong with them instead of stopping at the first thing.
public struct MessageDecoder {
    /// Where the next value stands.
    public var reader: JSONReader
    /// What was wrong so far.
    public private(set) var violations: [Violation] = []
    private let forbidUnknown: Bool
    private static let violationLimit = 100

    /// Reads `bytes`, which must outlive the decoder. With `forbidUnknown`, members no property is for are violations;
    /// otherwise they are passed over.
    public init(_ bytes: UnsafeRawBufferPointer, forbidUnknown: Bool = false) {
        reader = JSONReader(bytes)
        self.forbidUnknown = forbidUnknown
    }

    /// Nothing but white space may follow.
    public mutating func finish() throws(JSONError) { try reader.finish() }

    /// Notes a violation at the value in hand; paths grow on the way out.
    public mutating func violated(_ constraint: String, _ message: String, at path: String = "") {
        guard violations.count < Self.violationLimit else { return }
        violations.append(Violation(path: path, constraint: constraint, message: message))
    }

    /// Notes that the value has the wrong type, and passes over it.
    public mutating func mismatch(_ expected: String) throws(JSONError) {
        violated("type", "must be \(expected)")
        try reader.skipValue()
    }

    /// Puts `parent` before the paths of all violations since `mark`.
    @usableFromInline
    mutating func prefix(since mark: Int, with parent: String) {
        for at in mark..<violations.count { violations[at] = violations[at].inside(parent) }
    }

    /// Enters an object, or notes a mismatch and says false.
    public mutating func beginMessage() throws(JSONError) -> Bool {
        guard try reader.peek() == .object else {
            try mismatch("an object")
            return false
        }
        try reader.beginObject()
        return true
    }

    /// Reads the member `name`; nil when it does not fit.
    @inlinable
    public mutating func field<Value: MessageValue>(_ name: StaticString, _: Value.Type) throws(JSONError) -> Value? {
        let mark = violationCount
        let value = try Value.decodeJSON(&self)
        if violationCount != mark { prefix(since: mark, with: name.description) }
        return value
    }

    @inlinable var violationCount: Int { violations.count }

    /// Passes over a member that no property is for.
    public mutating func unknown(_ key: JSONKey) throws(JSONError) {
        if forbidUnknown { violated("unknown", "is not a known field", at: key.string) }
        try reader.skipValue()
    }

    /// Fills in a member that did not come, or notes that it is required.
    @inlinable
    public mutating func resolve<Value: MessageValue>(_ value: inout Value?, _ name: StaticString, seen: Bool) {
        if seen || value != nil { return }
        value = Value.whenAbsent
        if value == nil { violated("required", "is required", at: name.description) }
    }

    /// The tag of a tagged object, wherever among the members it stands; nil, with the value passed over, when there is
    /// none. Does not consume the object otherwise.
    public mutating func tag(_ name: StaticString = "type") throws(JSONError) -> String? {
        guard try reader.peek() == .object else {
            try mismatch("an object")
            return nil
        }
        var ahead = reader
        try ahead.beginObject()
        var first = true
        while let key = try ahead.nextKey(&first) {
            if key.matches(name), try ahead.peek() == .string { return try ahead.readString() }
            try ahead.skipValue()
        }
        violated("required", "must be a string that names the kind", at: name.description)
        try reader.skipValue()
        return nil
    }
}

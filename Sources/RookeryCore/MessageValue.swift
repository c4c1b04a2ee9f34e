public import RookeryWire

/// A value that can stand in a message: it writes itself and reads itself back, in every format.
///
/// `@Message` writes the conformance for structs and enums; the standard types have it.
public protocol MessageValue: Sendable, ConstrainedValue {
    /// Reads the value at which the decoder stands. Nil when it does not fit the type or its constraints: every reason is
    /// then among the decoder's violations, and the value has been passed over. Throws only when the bytes are no value of
    /// their format.
    static func decode(_ decoder: inout MessageDecoder) throws(MalformedValue) -> Self?

    /// Writes the value.
    func encode(to writer: inout ValueWriter)

    /// What a member that is absent stands for; nil when it is required.
    static var whenAbsent: Self? { get }

    /// Whether a message of this type may be compressed on the way to a peer that agreed on that. Say no where secrets
    /// stand next to text that an attacker can choose: the compressed length would tell about them (CRIME, BREACH).
    /// Default: true.
    static var allowsCompression: Bool { get }

    /// Reads a whole value. Throws ``InvalidPayload`` with every violation, or ``RookeryWire/MalformedValue``. There is no
    /// need to implement it; it is a requirement so that each type has its own specialised copy.
    static func decode(_ bytes: UnsafeRawBufferPointer, format: ValueFormat, rules: DecodingRules) throws -> Self
}

extension MessageValue {
    /// Required.
    @inlinable public static var whenAbsent: Self? { nil }

    /// Allowed.
    @inlinable public static var allowsCompression: Bool { true }

    /// Reads a whole value.
    @inlinable
    public static func decode(
        _ bytes: UnsafeRawBufferPointer, format: ValueFormat, rules: DecodingRules
    ) throws -> Self {
        var decoder = MessageDecoder(bytes, format: format, rules: rules)
        let value = try Self.decode(&decoder)
        try decoder.finish()
        guard let value, !decoder.hasViolations else { throw InvalidPayload(violations: decoder.violations) }
        return value
    }

    /// Reads a value from JSON text. Throws ``InvalidPayload`` with every violation, or ``RookeryWire/MalformedValue``.
    public static func decode(json text: String) throws -> Self {
        try decode(Array(text.utf8), format: .json)
    }

    /// Reads a value. Throws ``InvalidPayload`` with every violation, or ``RookeryWire/MalformedValue``.
    public static func decode(_ bytes: [UInt8], format: ValueFormat) throws -> Self {
        try bytes.withUnsafeBytes { try decode($0, format: format, rules: .all) }
    }

    /// The value in a format.
    public func bytes(as format: ValueFormat) -> [UInt8] {
        var writer = ValueWriter(format: format)
        encode(to: &writer)
        return writer.bytes
    }

    /// The value as JSON text.
    public var json: String {
        var writer = ValueWriter()
        encode(to: &writer)
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

    /// A payload that cannot be read at all.
    @usableFromInline
    init(_ malformed: MalformedValue) {
        self.init(violations: [
            Violation(path: "", constraint: "format", message: "cannot be read: \(malformed.description)")
        ])
    }

    /// Lists paths and rules.
    public var description: String {
        violations.map { "\($0.path.isEmpty ? "message" : $0.path): \($0.message)" }.joined(separator: "; ")
    }
}

/// Reads messages and gathers what is wrong with them instead of stopping at the first thing.
public struct MessageDecoder {
    /// Where the next value stands.
    public var reader: ValueReader
    /// What was wrong so far.
    public private(set) var violations: [Violation] = []
    /// What is checked.
    public let rules: DecodingRules
    private static let violationLimit = 100

    /// Reads `bytes`, which must outlive the decoder.
    public init(_ bytes: UnsafeRawBufferPointer, format: ValueFormat = .json, rules: DecodingRules = .all) {
        reader = ValueReader(bytes, format: format)
        self.rules = rules
    }

    /// Whether anything was wrong so far.
    public var hasViolations: Bool { !violations.isEmpty }

    /// Nothing may follow but, in JSON, white space.
    public mutating func finish() throws(MalformedValue) { try reader.finish() }

    /// Notes a violation at the value in hand; paths grow on the way out.
    public mutating func violated(_ constraint: String, _ message: String, at path: String = "") {
        guard violations.count < Self.violationLimit else { return }
        violations.append(Violation(path: path, constraint: constraint, message: message))
    }

    /// Notes that the value has the wrong type, and passes over it.
    public mutating func mismatch(_ expected: String) throws(MalformedValue) {
        violated("type", "must be \(expected)")
        try reader.skipValue()
    }

    /// Puts `parent` before the paths of all violations since `mark`.
    @usableFromInline
    mutating func prefix(since mark: Int, with parent: String) {
        for at in mark..<violations.count { violations[at] = violations[at].inside(parent) }
    }

    /// Enters an object, or notes a mismatch and gives nil.
    public mutating func beginMessage() throws(MalformedValue) -> Members? {
        guard try reader.peek() == .object else {
            try mismatch("an object")
            return nil
        }
        return try reader.beginObject()
    }

    /// Reads the member `name`; nil when it does not fit.
    @inlinable
    public mutating func field<Value: MessageValue>(_ name: StaticString, _: Value.Type) throws(MalformedValue)
        -> Value?
    {
        let mark = violationCount
        let value = try Value.decode(&self)
        if violationCount != mark { prefix(since: mark, with: name.description) }
        return value
    }

    @usableFromInline var violationCount: Int { violations.count }

    /// Passes over a member that no property is for.
    public mutating func unknown(_ key: MemberName) throws(MalformedValue) {
        if rules.forbidsUnknown { violated("unknown", "is not a known field", at: key.string) }
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
    public mutating func tag(_ name: StaticString = "type") throws(MalformedValue) -> String? {
        guard try reader.peek() == .object else {
            try mismatch("an object")
            return nil
        }
        var ahead = reader
        var members = try ahead.beginObject()
        while let key = try ahead.nextKey(&members) {
            if key.matches(name), try ahead.peek() == .string { return try ahead.readString() }
            try ahead.skipValue()
        }
        violated("required", "must be a string that names the kind", at: name.description)
        try reader.skipValue()
        return nil
    }
}

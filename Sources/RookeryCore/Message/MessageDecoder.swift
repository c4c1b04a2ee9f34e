public import RookeryWire

/// See ``_MessageDecoder``.
@usableFromInline package typealias MessageDecoder = _MessageDecoder

/// Decodes messages, and collects violations instead of stopping at the first one.
public struct _MessageDecoder {
    /// The reader, at the next value.
    public var reader: _ValueReader
    /// The violations so far, at most 100.
    public private(set) var violations: [Violation] = []
    let rules: _DecodingRules
    /// Whether to check the constraints of members.
    public let checksConstraints: Bool
    /// The members that the receiver sets at this level. Usually nil, for none.
    @usableFromInline var given: GivenMembers?
    /// The encrypted members of the message, once there was one.
    var opening: FieldOpening?
    private static let violationLimit = 100

    /// Creates a decoder of `bytes`, which must outlive it. By default, it reads JSON and checks constraints.
    public init(_ bytes: UnsafeRawBufferPointer, format: _ValueFormat = .json, rules: _DecodingRules = .all) {
        reader = ValueReader(bytes, format: format)
        self.rules = rules
        checksConstraints = rules.checksConstraints
    }

    /// Whether the decoder has found a violation.
    public var hasViolations: Bool { !violations.isEmpty }

    /// Throws if anything follows. JSON may end with white space.
    public mutating func finish() throws(MalformedValue) { try reader.finish() }

    /// Records a violation at the current value. The decoder adds the outer parts of its path later.
    public mutating func violated(_ constraint: String, _ message: String, at path: String = "") {
        guard violations.count < Self.violationLimit else { return }
        violations.append(Violation(path: path, constraint: constraint, message: message))
    }

    /// Records that the value has the wrong type, and skips it.
    public mutating func mismatch(_ expected: String) throws(MalformedValue) {
        violated("type", "must be \(expected)")
        try reader.skipValue()
    }

    /// Puts `parent` before the paths of all violations from index `mark` on.
    @usableFromInline
    mutating func prefix(since mark: Int, with parent: String) {
        for at in mark..<violations.count { violations[at] = violations[at].inside(parent) }
    }

    /// Enters an object. If the value is not an object, records a violation and returns nil.
    public mutating func beginMessage() throws(MalformedValue) -> _Members? {
        guard try reader.peek() == .object else {
            try mismatch("an object")
            return nil
        }
        return try reader.beginObject()
    }

    /// Reads the member `name`. Returns nil if it is not valid.
    @inlinable
    public mutating func field<Value: MessageValue>(_ name: StaticString, _: Value.Type) throws(MalformedValue)
        -> Value?
    {
        if given != nil { return try fieldBesideGiven(name, Value.self) }
        let mark = violationCount
        let value = try Value._decode(&self)
        if violationCount != mark { prefix(since: mark, with: name.description) }
        return value
    }

    @usableFromInline
    mutating func fieldBesideGiven<Value: MessageValue>(
        _ name: StaticString, _: Value.Type
    ) throws(MalformedValue) -> Value? {
        let outer = given
        defer { given = outer }
        if let value = outer?.value(name.description, Value.self) {
            try reader.skipValue()
            return value
        }
        given = outer?.inside(name.description)
        let mark = violationCount
        let value = try Value._decode(&self)
        if violationCount != mark { prefix(since: mark, with: name.description) }
        return value
    }

    @usableFromInline
    func givenValue<Value: MessageValue>(_ name: StaticString, _: Value.Type) -> Value? {
        given.flatMap { $0.value(name.description, Value.self) }
    }

    /// Adds the violations of rules over several members. It is for code that `@Message` generates.
    public mutating func checkWhole(_ rules: (inout [Violation]) -> Void) {
        guard checksConstraints else { return }
        var found: [Violation] = []
        rules(&found)
        for violation in found { violated(violation.constraint, violation.message, at: violation.path) }
    }

    @usableFromInline var violationCount: Int { violations.count }

    /// Skips a member that has no property. Records a violation if the rules forbid such members.
    public mutating func unknown(_ key: _MemberName) throws(MalformedValue) {
        if rules.forbidsUnknown { violated("unknown", "is not a known field", at: key.string) }
        try reader.skipValue()
    }

    /// Skips a member that has no property, in a type that forbids such members. Records a violation, unless only types are
    /// checked: a client takes the replies of a newer service.
    public mutating func forbidden(_ key: _MemberName) throws(MalformedValue) {
        if checksConstraints { violated("unknown", "is not a known field", at: key.string) }
        try reader.skipValue()
    }

    /// Sets an absent member to its given value or its value for absence. Without either, records that it is required.
    @inlinable
    public mutating func resolve<Value: MessageValue>(_ value: inout Value?, _ name: StaticString, seen: Bool) {
        if seen || value != nil { return }
        value = givenValue(name, Value.self) ?? Value._whenAbsent
        if value == nil { violated("required", "is required", at: name.description) }
    }

    /// Returns the tag of a tagged object, at any position among its members. Does not consume the object.
    ///
    /// Without a tag, records a violation, skips the value and returns nil.
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

extension _MessageDecoder {
    /// Reads a string and converts it with `make`.
    ///
    /// For a value that is not a string, records a type violation with `expected`. If `make` returns nil, records
    /// `violation` with `message`.
    @inlinable
    package mutating func text<Value>(
        _ expected: String, violation: String, _ message: String, _ make: (String) -> Value?
    ) throws(MalformedValue) -> Value? {
        guard try reader.peek() == .string else {
            try mismatch(expected)
            return nil
        }
        if let value = make(try reader.readString()) { return value }
        violated(violation, message)
        return nil
    }
}

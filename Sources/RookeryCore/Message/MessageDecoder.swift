public import RookeryWire

/// See ``_MessageDecoder``.
@usableFromInline package typealias MessageDecoder = _MessageDecoder

/// Reads messages and gathers what is wrong with them instead of stopping at the first thing.
public struct _MessageDecoder {
    /// Where the next value stands.
    public var reader: _ValueReader
    /// What was wrong so far.
    public private(set) var violations: [Violation] = []
    let rules: _DecodingRules
    /// Whether values must keep the constraints of their members.
    public let checksConstraints: Bool
    /// What the receiver gives at this level; nil, which is usual, for nothing.
    @usableFromInline var given: GivenMembers?
    private static let violationLimit = 100

    /// Reads `bytes`, which must outlive the decoder.
    public init(_ bytes: UnsafeRawBufferPointer, format: _ValueFormat = .json, rules: _DecodingRules = .all) {
        reader = ValueReader(bytes, format: format)
        self.rules = rules
        checksConstraints = rules.checksConstraints
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
    public mutating func beginMessage() throws(MalformedValue) -> _Members? {
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

    @usableFromInline var violationCount: Int { violations.count }

    /// Passes over a member that no property is for.
    public mutating func unknown(_ key: _MemberName) throws(MalformedValue) {
        if rules.forbidsUnknown { violated("unknown", "is not a known field", at: key.string) }
        try reader.skipValue()
    }

    /// Fills in a member that did not come, or notes that it is required.
    @inlinable
    public mutating func resolve<Value: MessageValue>(_ value: inout Value?, _ name: StaticString, seen: Bool) {
        if seen || value != nil { return }
        value = givenValue(name, Value.self) ?? Value._whenAbsent
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

extension _MessageDecoder {
    /// Reads a string that stands for something else: `expected` names it for values of other types, `violation` and
    /// `message` say what is wrong with a string that `make` makes nothing of.
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

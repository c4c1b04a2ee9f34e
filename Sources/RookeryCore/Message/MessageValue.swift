public import RookeryWire

/// A value that can stand in a message: it writes itself and reads itself back, in every format.
///
/// `@Message` makes structs and enums messages. Standard types, `Instant` and its kin, Foundation's `UUID`,
/// `Date`, `Data` and `URL`, and optionals, arrays and string-keyed dictionaries of all these are values too. A type with
/// a raw value becomes one by stating the conformance:
///
/// ```swift
/// struct Sku: RawRepresentable, MessageValue { … }   // written as its raw value, read by init(rawValue:)
/// ```
///
/// Requirements that begin with an underscore are for the macro and the standard types.
public protocol MessageValue: Sendable, _ConstrainedValue {
    /// What the declaration says about the value.
    static var _schema: Schema { get }

    /// Whether a message of this type may be compressed on the way to a peer that agreed on that. A message with a secret,
    /// or with a member that has one, is not: the compressed length would tell about the secret where it stands next to
    /// text that an attacker can choose (CRIME, BREACH).
    static var _allowsCompression: Bool { get }

    /// Reads the value at which the decoder stands. Nil when it does not fit the type or its constraints: every reason is
    /// then among the decoder's violations, and the value has been passed over. Throws only when the bytes are no value of
    /// their format.
    static func _decode(_ decoder: inout _MessageDecoder) throws(MalformedValue) -> Self?

    /// Writes the value.
    func _encode(to writer: inout _ValueWriter)

    /// What a member that is absent stands for; nil when it is required.
    static var _whenAbsent: Self? { get }

    /// Reads a whole value. A requirement so that each type has its own specialised copy.
    static func _decode(_ bytes: UnsafeRawBufferPointer, format: _ValueFormat, rules: _DecodingRules) throws -> Self
}

extension MessageValue {
    /// Required.
    @inlinable public static var _whenAbsent: Self? { nil }

    /// Allowed.
    @inlinable public static var _allowsCompression: Bool { true }

    /// Reads a whole value.
    @inlinable
    public static func _decode(
        _ bytes: UnsafeRawBufferPointer, format: _ValueFormat, rules: _DecodingRules
    ) throws -> Self {
        var decoder = _MessageDecoder(bytes, format: format, rules: rules)
        let value = try Self._decode(&decoder)
        try decoder.finish()
        guard let value, !decoder.hasViolations else { throw InvalidPayload(violations: decoder.violations) }
        return value
    }

    /// Reads a value from JSON text and checks its constraints. Throws ``InvalidPayload`` with every violation, or
    /// ``RookeryWire/MalformedValue`` when the text is not JSON.
    public static func decode(json text: String) throws -> Self { try decode(Array(text.utf8), format: .json) }

    /// Reads a value. Throws ``InvalidPayload`` with every violation, or ``RookeryWire/MalformedValue``.
    package static func decode(_ bytes: [UInt8], format: ValueFormat, rules: DecodingRules = .all) throws -> Self {
        try bytes.withUnsafeBytes { try _decode($0, format: format, rules: rules) }
    }

    /// Reads a value beside members that are given, and checks its constraints. Throws ``InvalidPayload`` with every violation,
    /// or ``RookeryWire/MalformedValue``.
    package static func decode(
        _ bytes: UnsafeRawBufferPointer, format: ValueFormat, given: GivenMembers
    ) throws -> Self {
        if given.isEmpty { return try _decode(bytes, format: format, rules: .all) }
        var decoder = MessageDecoder(bytes, format: format, rules: .all)
        decoder.given = given
        let value = try Self._decode(&decoder)
        try decoder.finish()
        guard let value, !decoder.hasViolations else { throw InvalidPayload(violations: decoder.violations) }
        return value
    }

    /// The value in a format.
    package func bytes(as format: ValueFormat) -> [UInt8] {
        var writer = ValueWriter(format: format)
        _encode(to: &writer)
        return writer.bytes
    }

    /// The value as JSON text.
    public var json: String {
        var writer = ValueWriter()
        _encode(to: &writer)
        return writer.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
    }
}

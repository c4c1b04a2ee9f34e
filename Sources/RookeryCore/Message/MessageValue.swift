public import RookeryWire

/// A value that a message can contain. It encodes and decodes itself in every format.
///
/// `@Message` makes structs and enums messages. The standard types, `Instant`, `LocalDate`, and Foundation's `UUID`,
/// `Date`, `Data` and `URL` are values too. So are optionals, arrays and string-keyed dictionaries of values. A type
/// with a raw value only has to declare the conformance:
///
/// ```swift
/// struct Sku: RawRepresentable, MessageValue { … }   // written as its raw value, read by init(rawValue:)
/// ```
///
/// Requirements that begin with an underscore are for the macro and the standard types.
public protocol MessageValue: Sendable, _ConstrainedValue {
    /// The schema of the type.
    static var _schema: Schema { get }

    /// Whether messages of this type may be compressed in transit, to a peer that negotiated compression. Default true.
    ///
    /// It is false for a type with a secret, or with a member that contains one. The compressed length would reveal
    /// something about a secret next to text that an attacker can choose (CRIME, BREACH).
    static var _allowsCompression: Bool { get }

    /// Decodes the value at the decoder's position.
    ///
    /// Returns nil if the value does not fit the type or its constraints. The decoder has then recorded the violations
    /// and skipped the value. Throws only if the bytes are malformed.
    static func _decode(_ decoder: inout _MessageDecoder) throws(MalformedValue) -> Self?

    /// Writes the value.
    func _encode(to writer: inout _ValueWriter)

    /// The value of an absent member. Nil if the member is required, which is the default.
    static var _whenAbsent: Self? { get }

    /// Decodes a whole value. It is a requirement so that each type has its own specialised copy.
    static func _decode(_ bytes: UnsafeRawBufferPointer, format: _ValueFormat, rules: _DecodingRules) throws -> Self
}

extension MessageValue {
    /// Nil: the member is required.
    @inlinable public static var _whenAbsent: Self? { nil }

    /// True: compression is allowed.
    @inlinable public static var _allowsCompression: Bool { true }

    /// Decodes a whole value. Throws ``InvalidPayload`` with the violations, or ``RookeryWire/MalformedValue``.
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

    /// Decodes a value from JSON text and checks its constraints.
    ///
    /// Throws ``InvalidPayload`` with the violations, or ``RookeryWire/MalformedValue`` if the text is not JSON.
    public static func decode(json text: String) throws -> Self { try decode(Array(text.utf8), format: .json) }

    /// Decodes a value. Throws ``InvalidPayload`` with the violations, or ``RookeryWire/MalformedValue``.
    package static func decode(_ bytes: [UInt8], format: ValueFormat, rules: DecodingRules = .all) throws -> Self {
        try bytes.withUnsafeBytes { try _decode($0, format: format, rules: rules) }
    }

    /// Decodes a value together with given members, and checks its constraints.
    ///
    /// Throws ``InvalidPayload`` with the violations, or ``RookeryWire/MalformedValue``.
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

    /// Encodes the value in the given format.
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

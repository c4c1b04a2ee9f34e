package import NIOCore
package import RookeryWire

/// See ``_Payload``.
@usableFromInline package typealias Payload = _Payload

/// The payload of a message as it came: the bytes of `data`, not yet read.
public struct _Payload: Sendable {
    /// The whole packet.
    package let body: ByteBuffer
    /// Where `data` lies in it; absent is JavaScript's `undefined`.
    package let range: ByteRange
    /// How it is written.
    package let format: ValueFormat

    /// Points at a part of a packet.
    package init(body: ByteBuffer, range: ByteRange, format: ValueFormat = .json) {
        self.body = body
        self.range = range
        self.format = format
    }

    /// No payload.
    package static let absent = Payload(body: ByteBuffer(), range: .absent)

    /// Reads the payload as a message. Throws ``InvalidPayload`` with every violation, also when the bytes are no value of
    /// their format or are nested too deeply.
    public func decode<Value: MessageValue>(_: Value.Type = Value.self, rules: _DecodingRules = .all) throws -> Value {
        guard range.isPresent else {
            if let value = Value._whenAbsent { return value }
            throw InvalidPayload(violations: [Violation(path: "", constraint: "required", message: "is required")])
        }
        return try body.withBytes(of: range) { bytes in
            do {
                return try Value._decode(bytes, format: format, rules: rules)
            } catch let error as MalformedValue {
                throw InvalidPayload(error)
            }
        }
    }

    /// Reads the payload as any value; nil when it is absent.
    package func value() throws(MalformedValue) -> JSONValue? { try body.value(of: range, format: format) }
}

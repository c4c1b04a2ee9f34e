package import NIOCore
package import RookeryWire

/// See ``_Payload``.
@usableFromInline package typealias Payload = _Payload

/// The payload of a received message: the bytes of `data`, not yet decoded.
public struct _Payload: Sendable {
    /// The whole packet.
    package let body: ByteBuffer
    /// The position of `data` in the packet. An absent range stands for JavaScript's `undefined`.
    package let range: ByteRange
    /// The format of the payload.
    package let format: ValueFormat
    /// Decrypts encrypted members. Nil: they are violations.
    package var fields: FieldCipher?
    /// Whether members without a property are violations.
    package var forbidsUnknown = false
    /// The values that the client sends behind the message. Nil if it sends none.
    package var clientStream: MessageStream<Payload>?

    /// Creates a payload from a part of a packet.
    package init(body: ByteBuffer, range: ByteRange, format: ValueFormat = .json) {
        self.body = body
        self.range = range
        self.format = format
    }

    /// An absent payload.
    package static let absent = Payload(body: ByteBuffer(), range: .absent)

    /// Decodes the payload as a message. By default, checks types and constraints.
    ///
    /// Throws ``InvalidPayload`` with the violations. Malformed bytes, and bytes that nest too deeply, are a violation
    /// too.
    public func decode<Value: MessageValue>(_: Value.Type = Value.self, rules: _DecodingRules = .all) throws -> Value {
        guard range.isPresent else {
            if let value = Value._whenAbsent { return value }
            throw InvalidPayload(violations: [Violation(path: "", constraint: "required", message: "is required")])
        }
        return try body.withBytes(of: range) { bytes in
            var rules = rules
            rules.fields = fields
            if forbidsUnknown { rules.forbidsUnknown = true }
            do {
                return try Value._decode(bytes, format: format, rules: rules)
            } catch let error as MalformedValue {
                throw InvalidPayload(error)
            }
        }
    }

    /// Returns the values that the client sends behind the message. Only one task may read them.
    ///
    /// The iteration throws ``InvalidPayload`` at a value that breaks its type or a constraint; the violations name its position,
    /// from 0: `values[2].count`. It throws `DEADLINE_EXCEEDED` if the client sends nothing for too long, and `OVERLOADED`
    /// without memory. It throws `INVALID_PAYLOAD` if the bytes cannot be decoded or the client had no credit. When the call is
    /// cancelled, it throws `CancellationError`.
    ///
    /// Throws `INVALID_PAYLOAD` if the client sends none.
    public func _clientStream<Value: MessageValue>(_: Value.Type = Value.self) throws -> MessageStream<Value> {
        guard let clientStream else { throw RemoteError.noClientStream }
        return MessageStream(DecodedValues(values: clientStream, like: self))
    }

    /// Decodes the payload as any value. Returns nil if it is absent.
    package func value() throws(MalformedValue) -> JSONValue? { try body.value(of: range, format: format) }
}

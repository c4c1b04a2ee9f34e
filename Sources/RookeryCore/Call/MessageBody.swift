import NIOCore
public import RookeryWire

/// The body of a message, a reply or a stream's value: received bytes, or a value to send.
public struct MessageBody: Sendable {
    package enum Content: Sendable {
        case value(any MessageValue)
        case encoded(Payload)
    }

    package let content: Content

    /// Creates a body from a value to send.
    public init(_ value: some MessageValue) { content = .value(value) }

    package init(_ payload: Payload) { content = .encoded(payload) }

    /// Decodes the message as a type. Throws ``InvalidPayload`` with the violations.
    ///
    /// If the body holds a value of this type, returns that value without checks.
    public func decode<Value: MessageValue>(_: Value.Type = Value.self) throws -> Value {
        try decode(Value.self, rules: .all)
    }

    package func decode<Value: MessageValue>(_: Value.Type, rules: DecodingRules) throws -> Value {
        switch content {
        case .value(let value as Value): value
        case .value: try payload.decode(Value.self, rules: rules)
        case .encoded(let payload): try payload.decode(Value.self, rules: rules)
        }
    }

    /// Decodes the message as JSON. Returns nil for an absent message, which is JavaScript's `undefined`.
    ///
    /// Throws ``RookeryWire/MalformedValue`` if the bytes are malformed.
    public func jsonValue() throws -> JSONValue? { try payload.value() }

    /// The received bytes, or the value encoded as JSON.
    package var payload: Payload {
        switch content {
        case .encoded(let payload): return payload
        case .value(let value):
            let bytes = ByteBuffer(bytes: value.bytes(as: .json))
            return Payload(body: bytes, range: ByteRange(start: 0, count: bytes.readableBytes))
        }
    }

    /// Whether the message may be compressed in transit.
    package var allowsCompression: Bool {
        switch content {
        case .value(let value): type(of: value)._allowsCompression
        // The type of received bytes is unknown here.
        case .encoded: false
        }
    }

    /// Writes the message in the writer's format.
    package func encode(to writer: inout ValueWriter) {
        switch content {
        case .value(let value): value._encode(to: &writer)
        case .encoded(let payload):
            guard payload.range.isPresent else { return writer.writeNull() }
            if payload.format == writer.format {
                payload.body.withBytes(of: payload.range) { bytes in
                    if writer.format == .json { writer.verbatim(bytes) } else { writer.append(bytes) }
                }
            } else {
                // Nothing has checked these bytes yet. Malformed bytes become null.
                ((try? payload.value()) ?? .null).write(to: &writer)
            }
        }
    }
}

extension MessageBody: MessageValue {
    /// Any value.
    public static var _schema: Schema { Schema(.any) }

    /// False, because the type of received bytes is unknown.
    public static var _allowsCompression: Bool { false }

    /// Reads any value.
    public static func _decode(_ decoder: inout _MessageDecoder) throws(MalformedValue) -> MessageBody? {
        MessageBody(try decoder.reader.readValue())
    }

    /// Writes the message.
    public func _encode(to writer: inout _ValueWriter) { encode(to: &writer) }
}

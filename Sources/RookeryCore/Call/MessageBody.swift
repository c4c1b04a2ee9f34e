import NIOCore
public import RookeryWire

/// A message, a reply or a stream's value on its way: bytes that came, or a value that is to be sent.
public struct MessageBody: Sendable {
    package enum Content: Sendable {
        case value(any MessageValue)
        case encoded(Payload)
    }

    package let content: Content

    /// A value that is to be sent.
    public init(_ value: some MessageValue) { content = .value(value) }

    package init(_ payload: Payload) { content = .encoded(payload) }

    /// Reads the message as a type. Throws ``InvalidPayload`` with every violation.
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

    /// Reads the message as JSON; nil when there is none, which is JavaScript's `undefined`. Throws
    /// ``RookeryWire/MalformedValue`` when the bytes are no JSON.
    public func jsonValue() throws -> JSONValue? { try payload.value() }

    /// The bytes that came, or those of the value, as JSON.
    package var payload: Payload {
        switch content {
        case .encoded(let payload): return payload
        case .value(let value):
            let bytes = ByteBuffer(bytes: value.bytes(as: .json))
            return Payload(body: bytes, range: ByteRange(start: 0, count: bytes.readableBytes))
        }
    }

    /// Whether it may be compressed on the way.
    package var allowsCompression: Bool {
        switch content {
        case .value(let value): type(of: value)._allowsCompression
        // What it came as is not known any more.
        case .encoded: false
        }
    }

    /// Writes the message, in the writer's format.
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
                // Bytes that are no value of their format were never read by anything.
                ((try? payload.value()) ?? .null).write(to: &writer)
            }
        }
    }
}

extension MessageBody: MessageValue {
    /// Anything.
    public static var _schema: Schema { Schema(.any) }

    /// Not allowed: what it came as is not known any more.
    public static var _allowsCompression: Bool { false }

    /// Keeps any value.
    public static func _decode(_ decoder: inout _MessageDecoder) throws(MalformedValue) -> MessageBody? {
        MessageBody(try decoder.reader.readValue())
    }

    /// Writes the message.
    public func _encode(to writer: inout _ValueWriter) { encode(to: &writer) }
}

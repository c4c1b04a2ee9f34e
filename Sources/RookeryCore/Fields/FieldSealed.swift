package import RookeryWire

/// A message whose marked members are encrypted when it is written.
package struct FieldSealed<Value: MessageValue>: MessageValue {
    private let value: Value
    private let cipher: FieldCipher

    package init(_ value: Value, _ cipher: FieldCipher) {
        self.value = value
        self.cipher = cipher
    }

    /// The schema of the message.
    package static var _schema: Schema { Value._schema }

    /// As the message allows.
    package static var _allowsCompression: Bool { Value._allowsCompression }

    /// Not possible: only received bytes are decoded, which are not of this type.
    package static func _decode(_ decoder: inout _MessageDecoder) throws(MalformedValue) -> FieldSealed? {
        try decoder.mismatch("a message")
        return nil
    }

    /// Writes the message. Each writing has another message number, so no nonce repeats.
    package func _encode(to writer: inout _ValueWriter) {
        let outer = writer.sealer
        writer.sealer = FieldSealing(cipher)
        value._encode(to: &writer)
        writer.sealer = outer
    }
}

extension MessageBody {
    /// The same message, with its marked members encrypted when it is written. Received bytes stay as they are.
    package func sealed(by cipher: FieldCipher) -> MessageBody {
        guard case .value(let value) = content else { return self }
        func sealed<Value: MessageValue>(_ value: Value) -> MessageBody { MessageBody(FieldSealed(value, cipher)) }
        return sealed(value)
    }
}

import NIOCore
public import RookeryWire

extension _ValueWriter {
    /// Writes the value of a marked member: encrypted, if the message is to be.
    @inlinable
    public mutating func marked<Value: MessageValue>(_ value: Value, _ name: StaticString) {
        if sealer == nil { value._encode(to: &self) } else { seal(value, name) }
    }

    @usableFromInline
    mutating func seal<Value: MessageValue>(_ value: Value, _ name: StaticString) {
        guard let sealer else { return }
        var inner = ValueWriter(capacity: 256)
        value._encode(to: &inner)
        write(inner.withUnsafeBytes { sealer.seal($0, of: name) })
    }
}

extension _MessageDecoder {
    /// Reads the marked member `name`, and decrypts it if it is encrypted. Returns nil if it is not valid.
    ///
    /// An encrypted member that cannot be opened is a violation. It never says why, so that trying tells an attacker nothing.
    @inlinable
    public mutating func markedField<Value: MessageValue>(
        _ name: StaticString, _: Value.Type
    ) throws(MalformedValue) -> Value? {
        try reader.isNextText(beginningWith: "enc:v1:") ? openField(name, Value.self) : field(name, Value.self)
    }

    @usableFromInline
    mutating func openField<Value: MessageValue>(
        _ name: StaticString, _: Value.Type
    ) throws(MalformedValue) -> Value? {
        let token = try reader.readString()
        guard let cipher = rules.fields else {
            violated("encrypted", "is encrypted, and there is no key for it here", at: name.description)
            return nil
        }
        let opening = self.opening ?? FieldOpening(cipher)
        self.opening = opening
        guard let json = opening.open(token, of: name) else {
            violated("encrypted", "cannot be decrypted", at: name.description)
            return nil
        }
        let mark = violationCount
        var plain = rules
        plain.fields = nil
        let text = ByteBuffer(bytes: json)
        let whole = ByteRange(start: 0, count: json.count)
        let (value, found) = try text.withBytes(of: whole) { (bytes) throws(MalformedValue) -> (Value?, [Violation]) in
            var inner = _MessageDecoder(bytes, rules: plain)
            let value = try Value._decode(&inner)
            try inner.finish()
            return (value, inner.violations)
        }
        for violation in found { violated(violation.constraint, violation.message, at: violation.path) }
        if violationCount != mark { prefix(since: mark, with: name.description) }
        return value
    }
}

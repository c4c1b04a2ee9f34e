/// Reads the fields of a message in the wire format of Protocol Buffers. Ends at the first that it cannot read: ``isDamaged``.
struct ProtobufReader {
    struct Field {
        let number: UInt64
        /// The value of an integer, or of eight bytes. 0 for others.
        var integer: UInt64 = 0
        /// The bytes of a text or a message. Empty for others.
        var bytes: ArraySlice<UInt8> = []
    }

    private var rest: ArraySlice<UInt8>
    /// Whether something followed the last field that could be read.
    private(set) var isDamaged = false

    init(_ bytes: ArraySlice<UInt8>) { rest = bytes }

    mutating func next() -> Field? {
        if rest.isEmpty || isDamaged { return nil }
        let field = field()
        isDamaged = field == nil
        return field
    }

    private mutating func field() -> Field? {
        guard let tag = varint() else { return nil }
        var field = Field(number: tag >> 3)
        switch tag & 7 {
        case 0:
            guard let value = varint() else { return nil }
            field.integer = value
        case 1, 5:
            let count = tag & 7 == 1 ? 8 : 4
            guard rest.count >= count else { return nil }
            if count == 8 { field.integer = rest.prefix(8).reversed().reduce(0) { $0 << 8 | UInt64($1) } }
            rest = rest.dropFirst(count)
        case 2:
            guard let count = varint(), count <= UInt64(rest.count) else { return nil }
            field.bytes = rest.prefix(Int(count))
            rest = rest.dropFirst(Int(count))
        default: return nil
        }
        return field
    }

    private mutating func varint() -> UInt64? {
        var value: UInt64 = 0
        for shift in stride(from: 0, to: 64, by: 7) {
            guard let byte = rest.popFirst() else { return nil }
            value |= UInt64(byte & 0x7F) << UInt64(shift)
            if byte & 0x80 == 0 { return value }
        }
        return nil
    }
}

/// Writes a message in the wire format of Protocol Buffers, field by field.
///
/// The protocol needs one message of a dozen fields, all of which are here. A generated codec would be a package of its own.
struct ProtobufWriter {
    private(set) var bytes: [UInt8] = []

    /// The types of fields on the wire.
    private enum WireType: UInt64 {
        case varint = 0
        case fixed64 = 1
        case delimited = 2
    }

    private mutating func varint(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }

    private mutating func tag(_ field: UInt64, _ type: WireType) { varint(field << 3 | type.rawValue) }

    /// Writes an integer, an enumeration or a Boolean. A value of 0 is the default, and only written if it is one of a choice.
    mutating func integer(_ field: UInt64, _ value: Int64, isChoice: Bool = false) {
        if value == 0, !isChoice { return }
        tag(field, .varint)
        varint(UInt64(bitPattern: value))
    }

    /// Writes eight bytes, the lowest first.
    mutating func fixed(_ field: UInt64, _ value: UInt64, isChoice: Bool = false) {
        if value == 0, !isChoice { return }
        tag(field, .fixed64)
        for shift in stride(from: 0, to: 64, by: 8) { bytes.append(UInt8(truncatingIfNeeded: value >> shift)) }
    }

    /// Writes bytes, or a text as UTF-8.
    mutating func bytes(_ field: UInt64, _ value: some Collection<UInt8>, isChoice: Bool = false) {
        if value.isEmpty, !isChoice { return }
        tag(field, .delimited)
        varint(UInt64(value.count))
        bytes.append(contentsOf: value)
    }

    /// Writes a message within this one.
    mutating func message(_ field: UInt64, _ write: (inout ProtobufWriter) -> Void) {
        var inner = ProtobufWriter()
        write(&inner)
        tag(field, .delimited)
        varint(UInt64(inner.bytes.count))
        bytes.append(contentsOf: inner.bytes)
    }
}

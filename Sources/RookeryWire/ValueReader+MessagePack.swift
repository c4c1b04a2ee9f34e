// MessagePack. The reader accepts integers and lengths in every form, not only the shortest.
extension ValueReader {
    private func code() throws(MalformedValue) -> UInt8 {
        guard index < end else { throw failure("unexpected end of bytes") }
        return base[index]
    }

    func messagePackKind() throws(MalformedValue) -> ValueKind {
        switch try code() {
        case 0x00...0x7F, 0xCA...0xD3, 0xE0...0xFF: .number
        case 0x80...0x8F, 0xDE, 0xDF: .object
        case 0x90...0x9F, 0xDC, 0xDD: .array
        case 0xA0...0xBF, 0xD9...0xDB: .string
        case 0xC0: .null
        case 0xC2, 0xC3: .bool
        case 0xC1: throw failure("a code that MessagePack never uses")
        default: .other
        }
    }

    /// Reads the code byte and the unsigned number of `size` bytes after it.
    private mutating func operand(_ size: Int) throws(MalformedValue) -> UInt64 {
        guard end &- index > size else { throw failure("unexpected end of bytes") }
        var value: UInt64 = 0
        for offset in 1...size { value = value << 8 | UInt64(base[index &+ offset]) }
        index &+= size &+ 1
        return value
    }

    mutating func messagePackMapCount() throws(MalformedValue) -> Int {
        let code = try code()
        switch code {
        case 0x80...0x8F:
            index &+= 1
            return Int(code & 0x0F)
        case 0xDE: return Int(try operand(2))
        case 0xDF: return Int(try operand(4))
        default: throw failure("expected an object")
        }
    }

    mutating func messagePackArrayCount() throws(MalformedValue) -> Int {
        let code = try code()
        switch code {
        case 0x90...0x9F:
            index &+= 1
            return Int(code & 0x0F)
        case 0xDC: return Int(try operand(2))
        case 0xDD: return Int(try operand(4))
        default: throw failure("expected an array")
        }
    }

    mutating func messagePackText(_ what: String) throws(MalformedValue) -> JSONText {
        let code = try code()
        let count: Int
        switch code {
        case 0xA0...0xBF:
            index &+= 1
            count = Int(code & 0x1F)
        case 0xD9: count = Int(try operand(1))
        case 0xDA: count = Int(try operand(2))
        case 0xDB: count = Int(try operand(4))
        default: throw failure("expected \(what)")
        }
        guard end &- index >= count else { throw failure("unexpected end of bytes") }
        let text = JSONText(start: base + index, count: count, isEscaped: false)
        index &+= count
        return text
    }

    mutating func messagePackBool() throws(MalformedValue) -> Bool {
        let code = try code()
        guard code == 0xC2 || code == 0xC3 else { throw failure("expected true or false") }
        index &+= 1
        return code == 0xC3
    }

    mutating func messagePackNumber() throws(MalformedValue) -> ValueNumber {
        let code = try code()
        switch code {
        case 0x00...0x7F:
            index &+= 1
            return .int(Int64(code))
        case 0xE0...0xFF:
            index &+= 1
            return .int(Int64(Int8(bitPattern: code)))
        case 0xCA: return .double(Double(Float(bitPattern: UInt32(truncatingIfNeeded: try operand(4)))))
        case 0xCB: return .double(Double(bitPattern: try operand(8)))
        case 0xCC: return .int(Int64(try operand(1)))
        case 0xCD: return .int(Int64(try operand(2)))
        case 0xCE: return .int(Int64(try operand(4)))
        case 0xCF:
            let value = try operand(8)
            return Int64(exactly: value).map { .int($0) } ?? .uint(value)
        case 0xD0: return .int(Int64(Int8(truncatingIfNeeded: try operand(1))))
        case 0xD1: return .int(Int64(Int16(truncatingIfNeeded: try operand(2))))
        case 0xD2: return .int(Int64(Int32(truncatingIfNeeded: try operand(4))))
        case 0xD3: return .int(Int64(bitPattern: try operand(8)))
        default: throw failure("expected a number")
        }
    }

    mutating func messagePackSkip() throws(MalformedValue) {
        switch try messagePackKind() {
        case .null, .bool: index &+= 1
        case .number: _ = try messagePackNumber()
        case .string: _ = try messagePackText("a string")
        case .array:
            var members = try beginArray()
            while try nextElement(&members) { try messagePackSkip() }
        case .object:
            var members = try beginObject()
            // Maps of other encoders may have keys that are not strings. Skipping them is safe.
            while members.remaining > 0 {
                members.remaining &-= 1
                try messagePackSkip()
                try messagePackSkip()
            }
            _ = try nextKey(&members)
        case .other: try messagePackSkipOther()
        }
    }

    private mutating func messagePackSkipOther() throws(MalformedValue) {
        let code = try code()
        let count: Int
        switch code {
        case 0xC4: count = Int(try operand(1))
        case 0xC5: count = Int(try operand(2))
        case 0xC6: count = Int(try operand(4))
        // An extension has one more byte: its type.
        case 0xC7: count = Int(try operand(1)) + 1
        case 0xC8: count = Int(try operand(2)) + 1
        case 0xC9: count = Int(try operand(4)) + 1
        default:
            // 0xD4 to 0xD8: 1, 2, 4, 8 or 16 bytes, plus the type byte.
            index &+= 1
            count = (1 << Int(code - 0xD4)) + 1
        }
        guard end &- index >= count else { throw failure("unexpected end of bytes") }
        index &+= count
    }
}

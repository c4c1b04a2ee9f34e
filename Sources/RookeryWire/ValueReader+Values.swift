extension ValueReader {
    // MARK: Whole values

    /// Passes over a value of any kind, checking that it is well formed.
    public mutating func skipValue() throws(MalformedValue) {
        guard isJSON else { return try messagePackSkip() }
        switch try peek() {
        case .other: throw failure("unexpected character")
        case .null: try literal("null")
        case .bool: _ = try readBool()
        case .number: try skipNumber()
        case .string: _ = try scanString()
        case .array:
            var members = try beginArray()
            while try nextElement(&members) { try skipValue() }
        case .object:
            var members = try beginObject()
            while try nextKey(&members) != nil { try skipValue() }
        }
    }

    private mutating func skipNumber() throws(MalformedValue) {
        if base[index] == UInt8(ascii: "-") { index &+= 1 }
        let start = index
        try skipDigits()
        if index &- start > 1, base[start] == 48 {
            index = start
            throw failure("a number with a leading zero")
        }
        if index < end, base[index] == UInt8(ascii: ".") {
            index &+= 1
            try skipDigits()
        }
        if index < end, base[index] | 0x20 == UInt8(ascii: "e") {
            index &+= 1
            if index < end, base[index] == UInt8(ascii: "+") || base[index] == UInt8(ascii: "-") { index &+= 1 }
            try skipDigits()
        }
    }

    /// Passes over a value and says where it lies, in bytes from the start.
    public mutating func skipRange() throws(MalformedValue) -> Range<Int> {
        if isJSON { skipWhitespace() }
        let start = index
        try skipValue()
        return start..<index
    }

    /// Reads a value of any kind.
    public mutating func readValue() throws(MalformedValue) -> JSONValue {
        switch try peek() {
        case .other: throw failure("a binary or extension value, which no message holds")
        case .null:
            _ = try readNull()
            return .null
        case .bool: return .bool(try readBool())
        case .number:
            switch try readNumber() {
            case .int(let value): return .int(value)
            case .uint(let value): return .uint(value)
            case .double(let value): return .double(value)
            }
        case .string: return .string(try readString())
        case .array:
            var members = try beginArray()
            var values: [JSONValue] = []
            while try nextElement(&members) { values.append(try readValue()) }
            return .array(values)
        case .object:
            var members = try beginObject()
            var object = JSONObject()
            while let key = try nextKey(&members) { object[key.string] = try readValue() }
            return .object(object)
        }
    }
}

extension ValueReader {
    // MARK: Whole values

    /// Skips a value of any type and checks its syntax.
    ///
    /// In JSON it has no depth limit, because it builds nothing. So a scan still finds the pattern and the id of a
    /// message that nests too deeply. MessagePack keeps the reader's depth limit.
    public mutating func skipValue() throws(MalformedValue) {
        guard isJSON else { return try messagePackSkip() }
        var nesting = Nesting()
        while true {
            if try skipScalarOrOpen(&nesting) { continue }
            if try closeFinished(&nesting) { return }
        }
    }

    /// Skips a scalar or an empty container, or enters a container. Returns true if it entered one.
    private mutating func skipScalarOrOpen(_ nesting: inout Nesting) throws(MalformedValue) -> Bool {
        skipWhitespace()
        guard index < end else { throw failure("unexpected end of text") }
        switch base[index] {
        case UInt8(ascii: "\""): _ = try scanString()
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): try skipNumber()
        case UInt8(ascii: "{"):
            index &+= 1
            if skips(UInt8(ascii: "}")) { return false }
            nesting.push(.object)
            try skipKey()
            return true
        case UInt8(ascii: "["):
            index &+= 1
            if skips(UInt8(ascii: "]")) { return false }
            nesting.push(.array)
            return true
        case UInt8(ascii: "t"): try literal("true")
        case UInt8(ascii: "f"): try literal("false")
        case UInt8(ascii: "n"): try literal("null")
        default: throw failure("unexpected character")
        }
        return false
    }

    /// Leaves the containers that end after a value. Returns true if the outermost value has ended, or false if another
    /// value follows.
    private mutating func closeFinished(_ nesting: inout Nesting) throws(MalformedValue) -> Bool {
        while let container = nesting.innermost {
            switch container {
            case .object:
                if skips(UInt8(ascii: "}")) { break }
                try expect(UInt8(ascii: ","))
                try skipKey()
                return false
            case .array:
                if skips(UInt8(ascii: "]")) { break }
                try expect(UInt8(ascii: ","))
                return false
            }
            nesting.pop()
        }
        return true
    }

    private mutating func skips(_ byte: UInt8) -> Bool {
        skipWhitespace()
        guard index < end, base[index] == byte else { return false }
        index &+= 1
        return true
    }

    private mutating func skipKey() throws(MalformedValue) {
        skipWhitespace()
        guard index < end, base[index] == UInt8(ascii: "\"") else { throw failure("expected a member's name") }
        _ = try scanString()
        try expect(UInt8(ascii: ":"))
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

    /// Skips a value and returns its byte range.
    public mutating func skipRange() throws(MalformedValue) -> Range<Int> {
        if isJSON { skipWhitespace() }
        let start = index
        try skipValue()
        return start..<index
    }

    /// Reads a value of any type.
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

/// The containers around the scanner, one bit each. The first 64 need no heap memory.
private struct Nesting {
    enum Container { case object, array }

    private var depth = 0
    /// The innermost containers. A set bit is an object.
    private var inner: UInt64 = 0
    /// The outer containers, in words of 64 bits, the innermost word last.
    private var outer: [UInt64] = []

    var innermost: Container? { depth == 0 ? nil : inner & 1 == 1 ? .object : .array }

    mutating func push(_ container: Container) {
        if depth > 0, depth % 64 == 0 {
            outer.append(inner)
            inner = 0
        }
        inner = inner << 1 | (container == .object ? 1 : 0)
        depth += 1
    }

    mutating func pop() {
        depth -= 1
        inner >>= 1
        if depth > 0, depth % 64 == 0 { inner = outer.popLast() ?? 0 }
    }
}

/// Writes values as JSON, exactly as `JSON.stringify` does, or as MessagePack. It owns and reuses its memory.
///
/// One writer serves both formats with a branch at each scalar, so a message needs one codec. While it writes JSON, it
/// counts UTF-16 code units, because a text frame declares its length in them. So the text needs no second pass. To
/// place commas, the writer checks the byte before: after `{` or `[` it writes none.
///
/// Calls must describe one well-formed value. The writer checks neither nesting nor the counts that callers pass.
public struct _ValueWriter: ~Copyable {
    /// The format of the values written from here on. Default JSON.
    public var format = _ValueFormat.json
    /// Encrypts marked members. Nil: they are written as they are.
    @usableFromInline package var sealer: (any FieldSealer)?
    @usableFromInline var base: UnsafeMutablePointer<UInt8>
    @usableFromInline var capacity: Int
    @usableFromInline var written: Int
    /// Bytes minus UTF-16 units written: `utf16Count` is `count - surplus`.
    @usableFromInline var surplus: Int

    /// Creates a writer with room for `capacity` bytes, default 512, at least 64. The room doubles when needed.
    public init(capacity: Int = 512, format: _ValueFormat = .json) {
        self.format = format
        self.capacity = max(64, capacity)
        self.base = .allocate(capacity: self.capacity)
        self.written = 0
        self.surplus = 0
    }

    deinit {
        base.deallocate()
    }

    /// The number of bytes written so far.
    @inlinable public var count: Int { written }

    /// The number of UTF-16 code units written so far.
    @inlinable public var utf16Count: Int { written - surplus }

    /// Calls `body` with the bytes written so far. They are valid until the next write.
    @inlinable
    public func withUnsafeBytes<R>(_ body: (UnsafeRawBufferPointer) throws -> R) rethrows -> R {
        try body(UnsafeRawBufferPointer(start: base, count: written))
    }

    /// Copies the bytes written so far.
    public var bytes: [UInt8] { withUnsafeBytes { Array($0) } }

    /// Drops everything written. Shrinks the memory to 512 bytes if it is larger than `keeping` bytes (default 64 KiB),
    /// so that one large message does not keep its memory.
    public mutating func reset(keeping: Int = 64 * 1024) {
        written = 0
        surplus = 0
        if capacity > keeping {
            base.deallocate()
            capacity = 512
            base = .allocate(capacity: capacity)
        }
    }

    @inlinable
    mutating func reserve(_ extra: Int) {
        if written &+ extra > capacity { grow(extra) }
    }

    @usableFromInline
    mutating func grow(_ extra: Int) {
        let wanted = max(capacity &* 2, written &+ extra)
        let larger = UnsafeMutablePointer<UInt8>.allocate(capacity: wanted)
        larger.update(from: base, count: written)
        base.deallocate()
        base = larger
        capacity = wanted
    }

    // MARK: Structure

    /// Begins an object of `count` members.
    @inlinable
    public mutating func beginObject(_ count: Int) {
        if format == .json { byte(UInt8(ascii: "{")) } else { messagePackMap(count) }
    }

    /// Ends an object.
    @inlinable
    public mutating func endObject() {
        if format == .json { byte(UInt8(ascii: "}")) }
    }

    /// Begins an array of `count` elements.
    @inlinable
    public mutating func beginArray(_ count: Int) {
        if format == .json { byte(UInt8(ascii: "[")) } else { messagePackArray(count) }
    }

    /// Ends an array.
    @inlinable
    public mutating func endArray() {
        if format == .json { byte(UInt8(ascii: "]")) }
    }

    /// Writes a comma in JSON, except before the first element. Call it before each element of an array.
    @inlinable
    public mutating func element() {
        guard format == .json else { return }
        reserve(1)
        if written > 0, base[written &- 1] != UInt8(ascii: "[") {
            base[written] = UInt8(ascii: ",")
            written &+= 1
        }
    }

    /// Writes a member's name, with a comma except before the first one. JSON must not need to escape the name.
    @inlinable
    public mutating func key(_ name: StaticString) {
        guard format == .json else { return messagePackKey(name) }
        let length = name.utf8CodeUnitCount
        reserve(length &+ 4)
        if base[written &- 1] != UInt8(ascii: "{") {
            base[written] = UInt8(ascii: ",")
            written &+= 1
        }
        let start = base + written
        start[0] = UInt8(ascii: "\"")
        (start + 1).update(from: name.utf8Start, count: length)
        start[length &+ 1] = UInt8(ascii: "\"")
        start[length &+ 2] = UInt8(ascii: ":")
        if !name.isASCII {
            surplus &+= UTF16Length.surplus(of: UnsafeRawBufferPointer(start: start + 1, count: length))
        }
        written &+= length &+ 3
    }

    /// Writes a member's name and escapes it as needed, with a comma except before the first one.
    public mutating func key(dynamic name: String) {
        guard format == .json else { return write(name) }
        reserve(1)
        if base[written &- 1] != UInt8(ascii: "{") {
            base[written] = UInt8(ascii: ",")
            written &+= 1
        }
        write(name)
        byte(UInt8(ascii: ":"))
    }

    // MARK: Scalars

    /// Writes `null`.
    @inlinable
    public mutating func writeNull() {
        if format == .json { verbatim("null") } else { byte(0xC0) }
    }

    /// Writes `true` or `false`.
    @inlinable
    public mutating func write(_ value: Bool) {
        guard format == .json else { return byte(value ? 0xC3 : 0xC2) }
        if value { verbatim("true") } else { verbatim("false") }
    }

    /// Writes a signed integer.
    @inlinable
    public mutating func write(_ value: some FixedWidthInteger & SignedInteger) {
        guard format == .json else { return messagePackInteger(Int64(value)) }
        if value < 0 { byte(UInt8(ascii: "-")) }
        digits(UInt64(value.magnitude))
    }

    /// Writes an unsigned integer.
    @inlinable
    public mutating func write(_ value: some FixedWidthInteger & UnsignedInteger) {
        guard format == .json else { return messagePackUnsigned(UInt64(value)) }
        digits(UInt64(value))
    }

    @usableFromInline
    mutating func digits(_ value: UInt64) {
        reserve(20)
        var length = 1
        var bound: UInt64 = 10
        while length < 20, value >= bound {
            length &+= 1
            if length == 20 { break }
            bound &*= 10
        }
        var rest = value
        var at = written &+ length
        repeat {
            at &-= 1
            let (quotient, digit) = rest.quotientAndRemainder(dividingBy: 10)
            base[at] = UInt8(truncatingIfNeeded: digit) &+ 48
            rest = quotient
        } while at > written
        written &+= length
    }

    /// Writes a number. NaN and the infinities become `null` in both formats, so that a value means the same in either.
    ///
    /// JSON: as JavaScript's `Number::toString`, with the shortest digits that read back to the same value. `-0`
    /// becomes `0`; values from 1e21 up and below 1e-6 get an exponent. MessagePack: whole numbers below 2^53 in
    /// magnitude, except `-0`, become integers, as JavaScript's encoders write them.
    public mutating func write(_ value: Double) {
        if format == .json { JavaScriptNumber.write(value, into: &self) } else { messagePackDouble(value) }
    }

    /// Writes a string. JSON text is quoted, with the same escapes as `JSON.stringify`.
    @inlinable
    public mutating func write(_ value: String) {
        var value = value
        value.withUTF8 { write(string: UnsafeRawBufferPointer($0)) }
    }

    /// Writes a string from valid UTF-8 bytes.
    @inlinable
    public mutating func write(string text: UnsafeRawBufferPointer) {
        if format == .json { quoted(text) } else { messagePackString(text) }
    }

    /// Writes a string from ASCII bytes that need no escape.
    @inlinable
    public mutating func write(plain text: UnsafeRawBufferPointer) {
        guard format == .json else { return messagePackString(text) }
        byte(UInt8(ascii: "\""))
        append(text)
        byte(UInt8(ascii: "\""))
    }

    /// Appends raw bytes and counts each as one UTF-16 unit. Use it for ASCII, or for bytes that are not text.
    @inlinable
    public mutating func append(_ bytes: UnsafeRawBufferPointer) {
        guard let source = bytes.baseAddress else { return }
        reserve(bytes.count)
        UnsafeMutableRawPointer(base + written).copyMemory(from: source, byteCount: bytes.count)
        written &+= bytes.count
    }

    /// Appends JSON text as it is. Valid only while the format is JSON.
    @inlinable
    public mutating func verbatim(_ text: StaticString) {
        let length = text.utf8CodeUnitCount
        reserve(length)
        (base + written).update(from: text.utf8Start, count: length)
        written &+= length
        if !text.isASCII {
            surplus &+= UTF16Length.surplus(of: UnsafeRawBufferPointer(start: text.utf8Start, count: length))
        }
    }

    /// Appends JSON text as it is, in valid UTF-8. Valid only while the format is JSON.
    public mutating func verbatim(_ bytes: UnsafeRawBufferPointer) {
        append(bytes)
        surplus &+= UTF16Length.surplus(of: bytes)
    }

    @inlinable
    mutating func byte(_ byte: UInt8) {
        reserve(1)
        base[written] = byte
        written &+= 1
    }

    /// Writes a JSON string from valid UTF-8 bytes.
    @usableFromInline
    mutating func quoted(_ text: UnsafeRawBufferPointer) {
        let length = text.count
        reserve(length &+ 2)
        base[written] = UInt8(ascii: "\"")
        written &+= 1
        guard let source = text.bindMemory(to: UInt8.self).baseAddress else {
            return byte(UInt8(ascii: "\""))
        }
        var runStart = 0
        var at = 0
        while at < length {
            // Skip eight plain bytes at a time: ASCII that needs no escape.
            if at &+ 8 <= length {
                let word = UnsafeRawPointer(source + at).loadUnaligned(as: UInt64.self)
                if Words.needsCareInString(word) == 0 {
                    at &+= 8
                    continue
                }
            }
            let byte = source[at]
            if byte >= 0x80 {
                surplus &+= UTF16Length.surplus(lead: byte)
            } else if byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") {
                run(source + runStart, at &- runStart)
                escape(byte)
                runStart = at &+ 1
            }
            at &+= 1
        }
        run(source + runStart, length &- runStart)
        byte(UInt8(ascii: "\""))
    }

    private mutating func run(_ source: UnsafePointer<UInt8>, _ length: Int) {
        reserve(length)
        (base + written).update(from: source, count: length)
        written &+= length
    }

    private mutating func escape(_ byte: UInt8) {
        switch byte {
        case 0x08: verbatim("\\b")
        case 0x09: verbatim("\\t")
        case 0x0A: verbatim("\\n")
        case 0x0C: verbatim("\\f")
        case 0x0D: verbatim("\\r")
        case UInt8(ascii: "\""): verbatim("\\\"")
        case UInt8(ascii: "\\"): verbatim("\\\\")
        default:
            verbatim("\\u00")
            self.byte(hexDigit(byte >> 4))
            self.byte(hexDigit(byte & 0xF))
        }
    }

    private func hexDigit(_ value: UInt8) -> UInt8 {
        value < 10 ? value &+ 48 : value &+ 87
    }

    // MARK: Frames

    /// Begins a text frame and leaves room for its length. Pass the result to ``endFrame(_:)``.
    package mutating func beginFrame() -> FrameMark {
        // Room for "123#": bodies of 100 to 999 units, the common size, need no shift at the end.
        let mark = FrameMark(start: written, surplus: surplus)
        reserve(FrameMark.room)
        written &+= FrameMark.room
        return mark
    }

    /// Ends a frame and writes its length before its body.
    package mutating func endFrame(_ mark: FrameMark) {
        let bodyStart = mark.start &+ FrameMark.room
        let units = written &- bodyStart &- (surplus &- mark.surplus)
        var digitCount = 1
        var bound = 10
        while units >= bound {
            digitCount &+= 1
            bound &*= 10
        }
        let prefix = digitCount &+ 1
        if prefix != FrameMark.room {
            reserve(max(0, prefix &- FrameMark.room))
            // `update(from:)` allows the regions to overlap.
            (base + mark.start + prefix).update(from: base + bodyStart, count: written &- bodyStart)
            written &+= prefix &- FrameMark.room
        }
        var rest = units
        var at = mark.start &+ digitCount
        base[at] = UInt8(ascii: "#")
        repeat {
            at &-= 1
            base[at] = UInt8(truncatingIfNeeded: rest % 10) &+ 48
            rest /= 10
        } while at > mark.start
    }

    /// Drops everything written since the frame began.
    package mutating func abandonFrame(_ mark: FrameMark) {
        written = mark.start
        surplus = mark.surplus
    }

    /// Replaces the payload, which starts at byte `start`, with its compressed form.
    public mutating func replacePayload(from start: Int, with bytes: [UInt8]) {
        bytes.withUnsafeBytes { replace(from: start, with: $0) }
    }

    /// Replaces everything from byte `start` on. Does not correct ``utf16Count``, which binary frames do not use.
    mutating func replace(from start: Int, with bytes: UnsafeRawBufferPointer) {
        written = start
        append(bytes)
    }

    /// Calls `body` with the bytes from `start` on. They are valid until the next write.
    @inlinable
    public func withUnsafeBytes<R>(from start: Int, _ body: (UnsafeRawBufferPointer) throws -> R) rethrows -> R {
        try body(UnsafeRawBufferPointer(start: base + start, count: written - start))
    }
}

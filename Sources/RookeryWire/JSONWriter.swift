/// Writes JSON text exactly as `JSON.stringify` would, into memory it owns and reuses.
///
/// While writing it keeps written of the UTF-16 code units, because that is what a frame of the Nest wire declares as its
/// length; no second pass over the text is needed. The writer separates members by looking at the byte before: after
/// `{` or `[` no comma is due, after anything else one is.
///
/// Calls must describe one well-formed value; the writer does not check nesting.
public struct JSONWriter: ~Copyable {
    @usableFromInline var base: UnsafeMutablePointer<UInt8>
    @usableFromInline var capacity: Int
    @usableFromInline var written: Int
    /// Bytes written beyond one per UTF-16 unit, so that units are `count - surplus`.
    @usableFromInline var surplus: Int

    /// Makes a writer with room for `capacity` bytes; it grows by doubling.
    public init(capacity: Int = 512) {
        self.capacity = max(64, capacity)
        self.base = .allocate(capacity: self.capacity)
        self.written = 0
        self.surplus = 0
    }

    deinit {
        base.deallocate()
    }

    /// Bytes written so far.
    @inlinable public var count: Int { written }

    /// UTF-16 code units written so far.
    @inlinable public var utf16Count: Int { written - surplus }

    /// The bytes written so far; valid until the next write.
    @inlinable
    public func withUnsafeBytes<R>(_ body: (UnsafeRawBufferPointer) throws -> R) rethrows -> R {
        try body(UnsafeRawBufferPointer(start: base, count: written))
    }

    /// A copy of the bytes written so far.
    public var bytes: [UInt8] { withUnsafeBytes { Array($0) } }

    /// Forgets what was written. Memory above `keeping` bytes is given back, so that one large message does not keep
    /// its room for ever.
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

    /// Writes `{`, after a comma when a value came before it in the same array.
    @inlinable
    public mutating func beginObject() {
        reserve(1)
        base[written] = UInt8(ascii: "{")
        written &+= 1
    }

    /// Writes `}`.
    @inlinable
    public mutating func endObject() {
        reserve(1)
        base[written] = UInt8(ascii: "}")
        written &+= 1
    }

    /// Writes `[`.
    @inlinable
    public mutating func beginArray() {
        reserve(1)
        base[written] = UInt8(ascii: "[")
        written &+= 1
    }

    /// Writes `]`.
    @inlinable
    public mutating func endArray() {
        reserve(1)
        base[written] = UInt8(ascii: "]")
        written &+= 1
    }

    /// Call before each element of an array: writes the comma when one is due.
    @inlinable
    public mutating func element() {
        reserve(1)
        if written > 0, base[written &- 1] != UInt8(ascii: "[") {
            base[written] = UInt8(ascii: ",")
            written &+= 1
        }
    }

    /// Writes a member's key that is already quoted and followed by its colon, `"id":`, with a comma when one is due.
    @inlinable
    public mutating func quotedKey(_ quoted: StaticString) {
        let length = quoted.utf8CodeUnitCount
        reserve(length &+ 1)
        if base[written &- 1] != UInt8(ascii: "{") {
            base[written] = UInt8(ascii: ",")
            written &+= 1
        }
        (base + written).update(from: quoted.utf8Start, count: length)
        if !quoted.isASCII {
            surplus &+= UTF16Length.surplus(of: UnsafeRawBufferPointer(start: base + written, count: length))
        }
        written &+= length
    }

    /// Writes a member's key, quoting and escaping it, with a comma when one is due.
    public mutating func key(_ name: String) {
        reserve(1)
        if base[written &- 1] != UInt8(ascii: "{") {
            base[written] = UInt8(ascii: ",")
            written &+= 1
        }
        write(name)
        reserve(1)
        base[written] = UInt8(ascii: ":")
        written &+= 1
    }

    // MARK: Scalars

    /// Writes `null`.
    @inlinable
    public mutating func writeNull() { verbatim("null") }

    /// Writes `true` or `false`.
    @inlinable
    public mutating func write(_ value: Bool) {
        if value { verbatim("true") } else { verbatim("false") }
    }

    /// Writes an integer in decimal.
    @inlinable
    public mutating func write(_ value: some FixedWidthInteger & SignedInteger) {
        if value < 0 {
            reserve(1)
            base[written] = UInt8(ascii: "-")
            written &+= 1
        }
        digits(UInt64(value.magnitude))
    }

    /// Writes an integer in decimal.
    @inlinable
    public mutating func write(_ value: some FixedWidthInteger & UnsignedInteger) {
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

    /// Writes a number as JavaScript's `Number::toString` does: shortest digits that read back to the same value, `-0`
    /// as `0`, exponents from 1e21 up and below 1e-6; NaN and the infinities become `null`.
    public mutating func write(_ value: Double) {
        JavaScriptNumber.write(value, into: &self)
    }

    /// Writes a string, quoted, with JavaScript's escapes and nothing else escaped.
    @inlinable
    public mutating func write(_ value: String) {
        var value = value
        value.withUTF8 { quoted(UnsafeRawBufferPointer($0)) }
    }

    /// Writes text that is JSON already.
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

    /// Writes bytes that are JSON already, in valid UTF-8.
    public mutating func verbatim(_ bytes: UnsafeRawBufferPointer) {
        guard let source = bytes.bindMemory(to: UInt8.self).baseAddress else { return }
        reserve(bytes.count)
        (base + written).update(from: source, count: bytes.count)
        written &+= bytes.count
        surplus &+= UTF16Length.surplus(of: bytes)
    }

    @inlinable
    mutating func byte(_ byte: UInt8) {
        reserve(1)
        base[written] = byte
        written &+= 1
    }

    /// Writes valid UTF-8 bytes as a JSON string.
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
            // Eight plain bytes at a time: nothing to escape, nothing beyond ASCII.
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

    /// Begins a frame of the Nest wire: leaves room for its length. Pass the result to ``endFrame(_:)``.
    @inlinable
    public mutating func beginFrame() -> FrameMark {
        // "123#": bodies of 100 to 999 units, the common size, need no shift at the end.
        let mark = FrameMark(start: written, surplus: surplus)
        reserve(FrameMark.room)
        written &+= FrameMark.room
        return mark
    }

    /// Ends a frame: writes its length before its body.
    public mutating func endFrame(_ mark: FrameMark) {
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
            // Regions may overlap, which `update(from:)` allows.
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

    /// Takes back everything written since the frame began.
    public mutating func abandonFrame(_ mark: FrameMark) {
        written = mark.start
        surplus = mark.surplus
    }
}

/// Where a frame began in a ``JSONWriter``.
public struct FrameMark: Sendable {
    @usableFromInline static let room = 4
    /// Where the frame's body begins, until its end is written.
    public var bodyStart: Int { start + FrameMark.room }
    @usableFromInline let start: Int
    @usableFromInline let surplus: Int

    @usableFromInline
    init(start: Int, surplus: Int) {
        self.start = start
        self.surplus = surplus
    }
}

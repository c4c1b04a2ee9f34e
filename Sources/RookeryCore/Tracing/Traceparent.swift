/// The identity of a span between processes: `00-<trace id>-<span id>-<flags>` (W3C Trace Context, 3.2).
///
/// Stores numbers, because each message has an identity and few of them become text.
package struct Traceparent: Sendable, Hashable, CustomStringConvertible {
    /// The first and the last 64 bits of the trace id, not both zero.
    let trace: (high: UInt64, low: UInt64)
    /// The span id, not zero.
    let span: UInt64
    /// Bit 0: the caller may have recorded the trace. Bit 1: the trace id is random (level 2).
    package let flags: UInt8

    init(trace: (high: UInt64, low: UInt64), span: UInt64, flags: UInt8) {
        self.trace = trace
        self.span = span
        self.flags = flags
    }

    /// 32 lower-case hexadecimal digits, not all zero.
    package var traceID: String {
        String(unsafeUninitializedCapacity: 32) { text in
            Self.write(trace.high, at: 0, text)
            Self.write(trace.low, at: 16, text)
            return 32
        }
    }

    /// The span id as a number.
    package var id: UInt64 { span }
    /// 16 lower-case hexadecimal digits, not all zero.
    package var spanID: String { Self.text(span) }

    /// A new trace, whose ids are random.
    package static func random() -> Traceparent {
        Traceparent(trace: (bits() | 1, bits()), span: newSpanID(), flags: 0x03)
    }

    /// Random, not zero.
    static func newSpanID() -> UInt64 { bits() | 1 }

    /// Reads the text. Nil for what the recommendation ignores: other lengths, upper case, ids of zeros, version `ff`, and
    /// version `00` with more than four parts. A later version may have more parts after the flags.
    package init?(_ text: String) {
        var text = text
        guard let identity = text.withUTF8({ Self.read($0) }) else { return nil }
        self = identity
    }

    private static func read(_ text: UnsafeBufferPointer<UInt8>) -> Traceparent? {
        guard text.count >= 55, text[2] == dash, text[35] == dash, text[52] == dash,
            let version = byte(text, at: 0), version != 0xFF, let flags = byte(text, at: 53),
            text.count == 55 || version != 0 && text[55] == dash,
            let high = number(text, at: 3), let low = number(text, at: 19), high != 0 || low != 0,
            let span = number(text, at: 36), span != 0
        else { return nil }
        return Traceparent(trace: (high, low), span: span, flags: UInt8(truncatingIfNeeded: flags))
    }

    /// The text in version `00`, with the flags that this version defines.
    package var description: String {
        String(unsafeUninitializedCapacity: Self.length) { text in
            write(to: text)
            return Self.length
        }
    }

    /// Calls `body` with the text.
    package func withText<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
        try withUnsafeTemporaryAllocation(of: UInt8.self, capacity: Self.length) { text in
            write(to: text)
            return try body(UnsafeRawBufferPointer(text))
        }
    }

    private static let length = 55

    private func write(to text: UnsafeMutableBufferPointer<UInt8>) {
        (text[0], text[1], text[2]) = (UInt8(ascii: "0"), UInt8(ascii: "0"), Self.dash)
        Self.write(trace.high, at: 3, text)
        Self.write(trace.low, at: 19, text)
        text[35] = Self.dash
        Self.write(span, at: 36, text)
        (text[52], text[53], text[54]) = (Self.dash, UInt8(ascii: "0"), UInt8(ascii: "0") + flags & 0x03)
    }

    /// Compares ids and flags.
    package static func == (left: Traceparent, right: Traceparent) -> Bool {
        left.trace == right.trace && left.span == right.span && left.flags == right.flags
    }

    /// Hashes the ids.
    package func hash(into hasher: inout Hasher) {
        hasher.combine(trace.high)
        hasher.combine(trace.low)
        hasher.combine(span)
    }

    // MARK: Hexadecimal

    /// An id of 64 bits as 16 digits.
    static func text(_ id: UInt64) -> String {
        String(unsafeUninitializedCapacity: 16) { text in
            write(id, at: 0, text)
            return 16
        }
    }

    /// Whether a text is a trace id: 32 lower-case hexadecimal digits.
    package static func isTrace(_ id: String) -> Bool { trace(id) != nil }

    /// The 64-bit halves of a trace id; nil when that is not 32 lower-case digits.
    static func trace(_ id: String) -> (high: UInt64, low: UInt64)? {
        var id = id
        return id.withUTF8 { text in
            guard text.count == 32, let high = number(text, at: 0), let low = number(text, at: 16) else { return nil }
            return (high, low)
        }
    }

    /// The number in 16 lower-case hexadecimal digits from `place` on.
    private static func number(_ text: UnsafeBufferPointer<UInt8>, at place: Int) -> UInt64? {
        let bytes = UnsafeRawBufferPointer(text)
        guard let high = eight(bytes.loadUnaligned(fromByteOffset: place, as: UInt64.self)),
            let low = eight(bytes.loadUnaligned(fromByteOffset: place + 8, as: UInt64.self))
        else { return nil }
        return high << 32 | low
    }

    /// Reads eight lower-case hexadecimal digits at once, because each message has an identity. Nil for any other text.
    private static func eight(_ text: UInt64) -> UInt64? {
        let text = UInt64(bigEndian: text)
        // 1 in each byte that may be a letter.
        let letters = (text & 0x4040_4040_4040_4040) >> 6
        let digits = (text & 0x0F0F_0F0F_0F0F_0F0F) &+ letters &* 9
        let pairs = (digits | digits >> 4) & 0x00FF_00FF_00FF_00FF
        let fours = (pairs | pairs >> 8) & 0x0000_FFFF_0000_FFFF
        let number = (fours | fours >> 16) & 0xFFFF_FFFF
        // Other texts give a number too, but are not its text.
        return eightDigits(number) == text ? number : nil
    }

    /// The number in two lower-case hexadecimal digits from `place` on.
    private static func byte(_ text: UnsafeBufferPointer<UInt8>, at place: Int) -> UInt64? {
        // With zeros before them.
        eight(UInt64(bigEndian: 0x3030_3030_3030_0000 | UInt64(text[place]) << 8 | UInt64(text[place + 1])))
    }

    /// Writes 16 digits, eight at once.
    private static func write(_ number: UInt64, at place: Int, _ text: UnsafeMutableBufferPointer<UInt8>) {
        let bytes = UnsafeMutableRawBufferPointer(text)
        bytes.storeBytes(of: eightDigits(number >> 32).bigEndian, toByteOffset: place, as: UInt64.self)
        bytes.storeBytes(of: eightDigits(number & 0xFFFF_FFFF).bigEndian, toByteOffset: place + 8, as: UInt64.self)
    }

    /// The text of a number of 32 bits, its first digit in the highest byte.
    private static func eightDigits(_ number: UInt64) -> UInt64 {
        let fours = (number | number << 16) & 0x0000_FFFF_0000_FFFF
        let pairs = (fours | fours << 8) & 0x00FF_00FF_00FF_00FF
        let digits = (pairs | pairs << 4) & 0x0F0F_0F0F_0F0F_0F0F
        let letters = ((digits &+ 0x0606_0606_0606_0606) & 0x1010_1010_1010_1010) >> 4
        return digits &+ 0x3030_3030_3030_3030 &+ letters &* 0x27
    }

    private static var dash: UInt8 { UInt8(ascii: "-") }

    // MARK: Random ids

    /// Ids are no secrets.
    private static func bits() -> UInt64 { source.next() }

    private static let source = SplitMix.Source()
}

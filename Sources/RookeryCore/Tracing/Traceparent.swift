import Synchronization

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
            Self.write(trace.high, 16, at: 0, text)
            Self.write(trace.low, 16, at: 16, text)
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
            let version = number(text, 0..<2), version != 0xFF, let flags = number(text, 53..<55),
            text.count == 55 || version != 0 && text[55] == dash,
            let high = number(text, 3..<19), let low = number(text, 19..<35), high != 0 || low != 0,
            let span = number(text, 36..<52), span != 0
        else { return nil }
        return Traceparent(trace: (high, low), span: span, flags: UInt8(truncatingIfNeeded: flags))
    }

    /// The text in version `00`, with the flags that this version defines.
    package var description: String {
        String(unsafeUninitializedCapacity: 55) { text in
            Self.write(0, 2, at: 0, text)
            text[2] = Self.dash
            Self.write(trace.high, 16, at: 3, text)
            Self.write(trace.low, 16, at: 19, text)
            text[35] = Self.dash
            Self.write(span, 16, at: 36, text)
            text[52] = Self.dash
            Self.write(UInt64(flags & 0x03), 2, at: 53, text)
            return 55
        }
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
            write(id, 16, at: 0, text)
            return 16
        }
    }

    /// Whether a text is a trace id: 32 lower-case hexadecimal digits.
    package static func isTrace(_ id: String) -> Bool { trace(id) != nil }

    /// The 64-bit halves of a trace id; nil when that is not 32 lower-case digits.
    static func trace(_ id: String) -> (high: UInt64, low: UInt64)? {
        var id = id
        return id.withUTF8 { text in
            guard text.count == 32, let high = number(text, 0..<16), let low = number(text, 16..<32) else { return nil }
            return (high, low)
        }
    }

    /// Each message has an identity to read, so it takes no generic way through collections.
    private static func number(_ text: UnsafeBufferPointer<UInt8>, _ place: Range<Int>) -> UInt64? {
        var number: UInt64 = 0
        var at = place.lowerBound
        while at < place.upperBound {
            let byte = text[at]
            var digit = byte &- UInt8(ascii: "0")
            if digit > 9 {
                digit = byte &- UInt8(ascii: "a")
                if digit > 5 { return nil }
                digit &+= 10
            }
            number = number << 4 | UInt64(digit)
            at &+= 1
        }
        return number
    }

    private static func write(
        _ number: UInt64, _ digits: Int, at start: Int, _ text: UnsafeMutableBufferPointer<UInt8>
    ) {
        var rest = number
        for index in (start..<(start + digits)).reversed() {
            let digit = UInt8(truncatingIfNeeded: rest & 0xF)
            text[index] = digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") - 10 + digit
            rest >>= 4
        }
    }

    private static var dash: UInt8 { UInt8(ascii: "-") }

    // MARK: Random ids

    /// Returns 64 random bits, by splitmix64 (Steele, Lea and Flood 2014) with a seed of the system. Ids are no secrets, so
    /// they need no system call.
    private static func bits() -> UInt64 {
        var mixed = state.wrappingAdd(0x9E37_79B9_7F4A_7C15, ordering: .relaxed).newValue
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    private static let state = Atomic(UInt64.random(in: .min ... .max))
}

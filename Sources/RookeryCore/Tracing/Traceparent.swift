import Synchronization

/// The identity of a span, as processes exchange it: `00-<trace id>-<span id>-<flags>` (W3C Trace Context, 3.2).
package struct Traceparent: Sendable, Hashable, CustomStringConvertible {
    /// 32 lower-case hexadecimal digits, not all zero.
    package let traceID: String
    /// 16 lower-case hexadecimal digits, not all zero.
    package let spanID: String
    /// Bit 0: the caller may have recorded the trace. Bit 1: the trace id is random (level 2).
    package let flags: UInt8

    package init(traceID: String, spanID: String, flags: UInt8) {
        self.traceID = traceID
        self.spanID = spanID
        self.flags = flags
    }

    /// Returns the identity of a new trace, with random ids.
    package static func random() -> Traceparent {
        Traceparent(
            traceID: hex(Self.bits() | 1, 16) + hex(Self.bits(), 16),
            spanID: newSpanID(), flags: 0x03)
    }

    /// Returns a random span id that is not zero.
    package static func newSpanID() -> String { hex(Self.bits() | 1, 16) }

    /// Parses the text. Later versions may have more fields after the flags.
    ///
    /// Nil for text that the recommendation says to ignore: other lengths, upper case, ids of zeros, version `ff`, and
    /// version `00` with more than four parts.
    package init?(_ text: String) {
        let bytes = Array(text.utf8)
        guard bytes.count >= 55, bytes[2] == dash, bytes[35] == dash, bytes[52] == dash,
            let version = Self.byte(bytes[0..<2]), version != 0xFF, let flags = Self.byte(bytes[53..<55])
        else { return nil }
        guard bytes.count == 55 || version != 0 && bytes[55] == dash else { return nil }
        guard let trace = Self.id(bytes[3..<35]), let span = Self.id(bytes[36..<52]) else { return nil }
        self.init(traceID: trace, spanID: span, flags: flags)
    }

    /// The text in version `00`, the only version so far, with only the flags that it defines.
    package var description: String { "00-\(traceID)-\(spanID)-\(Self.hex(UInt64(flags & 0x03), 2))" }

    /// splitmix64 (Steele, Lea and Flood 2014) with a seed from the system. Ids are not secret, so they need no system
    /// call.
    private static func bits() -> UInt64 {
        var mixed = state.wrappingAdd(0x9E37_79B9_7F4A_7C15, ordering: .relaxed).newValue
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    private static let state = Atomic(UInt64.random(in: .min ... .max))

    private static func id(_ bytes: ArraySlice<UInt8>) -> String? {
        guard bytes.allSatisfy(isHex), bytes.contains(where: { $0 != UInt8(ascii: "0") }) else { return nil }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func byte(_ bytes: ArraySlice<UInt8>) -> UInt8? {
        bytes.allSatisfy(isHex) ? UInt8(String(decoding: bytes, as: UTF8.self), radix: 16) : nil
    }

    private static func isHex(_ byte: UInt8) -> Bool { (48...57).contains(byte) || (97...102).contains(byte) }

    private static func hex(_ value: UInt64, _ digits: Int) -> String {
        let text = String(value, radix: 16)
        return String(repeating: "0", count: max(0, digits - text.utf8.count)) + text
    }
}

private let dash = UInt8(ascii: "-")

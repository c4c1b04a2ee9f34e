/// Finds values by the bytes of a pattern as it came off the wire, without making a string of it.
///
/// Keys are normal forms. Received text that *is* a normal form finds its entry with one hash; any other text is
/// normalised first. Open addressing; made once, never grown by what peers send.
public struct RouteTable<Value: Sendable>: Sendable {
    private struct Slot {
        var hash: UInt64
        var key: [UInt8]
        var value: Value
    }

    private var slots: [Slot?]
    private let mask: Int
    /// How many entries.
    public let count: Int

    /// Makes a table; of two equal keys the later one stays.
    public init(_ entries: [(key: String, value: Value)]) {
        var size = 16
        while size < entries.count * 2 { size *= 2 }
        mask = size - 1
        slots = Array(repeating: nil, count: size)
        var filled = 0
        for (key, value) in entries {
            let bytes = Array(key.utf8)
            let hash = bytes.withUnsafeBytes { Self.hash($0) }
            var at = Int(truncatingIfNeeded: hash) & mask
            while let slot = slots[at], slot.key != bytes { at = (at + 1) & mask }
            if slots[at] == nil { filled += 1 }
            slots[at] = Slot(hash: hash, key: bytes, value: value)
        }
        count = filled
    }

    /// The value for a pattern as it was received: the JSON text of `pattern`, valid UTF-8.
    public func lookUp(received pattern: UnsafeRawBufferPointer) -> Value? {
        guard pattern.count > 0 else { return nil }
        switch pattern[0] {
        case UInt8(ascii: "{"):
            // An object's normal form is JSON text of the same object, so equal bytes are the same pattern.
            if let value = exact(pattern) { return value }
        case UInt8(ascii: "\""):
            let text = UnsafeRawBufferPointer(rebasing: pattern[1..<(pattern.count - 1)])
            if Self.isItsOwnNormalForm(text) { return exact(text) }
        default: break
        }
        var reader = JSONReader(pattern)
        guard let value = try? reader.readValue(), var route = PatternNormalForm.route(ofReceived: value) else {
            return nil
        }
        return route.withUTF8 { exact(UnsafeRawBufferPointer($0)) }
    }

    /// Whether a string's content can be looked up as it stands: it starts like no JSON value and has no escape.
    private static func isItsOwnNormalForm(_ text: UnsafeRawBufferPointer) -> Bool {
        guard let first = text.first else { return true }
        switch first {
        case UInt8(ascii: "t"), UInt8(ascii: "f"), UInt8(ascii: "n"): return false
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): break
        default: return false
        }
        return !text.contains(UInt8(ascii: "\\"))
    }

    private func exact(_ key: UnsafeRawBufferPointer) -> Value? {
        let hash = Self.hash(key)
        var at = Int(truncatingIfNeeded: hash) & mask
        while let slot = slots[at] {
            if slot.hash == hash, slot.key.count == key.count, slot.key.elementsEqual(key) { return slot.value }
            at = (at + 1) & mask
        }
        return nil
    }

    /// Eight bytes a step; keys are the server's own patterns, so no peer can crowd the table.
    private static func hash(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
        var hash: UInt64 = 0x9E37_79B9_7F4A_7C15 &+ UInt64(bytes.count)
        var at = 0
        while at + 8 <= bytes.count {
            hash = (hash ^ bytes.loadUnaligned(fromByteOffset: at, as: UInt64.self)) &* 0xFF51_AFD7_ED55_8CCD
            hash ^= hash >> 32
            at += 8
        }
        while at < bytes.count {
            hash = (hash ^ UInt64(bytes[at])) &* 0xFF51_AFD7_ED55_8CCD
            hash ^= hash >> 32
            at += 1
        }
        return hash
    }
}

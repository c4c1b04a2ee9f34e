#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// Finds the position of a pattern by its bytes as they came off the wire, without making a string of it.
///
/// Keys are normal forms. Received text that *is* a normal form finds its entry with one hash; any other text is
/// normalised first. Open addressing; made once, never grown by what peers send. Gives positions, not values, because a
/// generic table would look up its types at run time on every message.
public struct RouteTable: Sendable {
    /// Of a key at each place; 0 where there is none.
    private var hashes: [UInt64]
    private var positions: [Int]
    private let keys: [[UInt8]]
    private let mask: Int

    /// Makes a table of different keys.
    public init(_ keys: [String]) {
        var size = 16
        while size < keys.count * 2 { size *= 2 }
        mask = size - 1
        hashes = Array(repeating: 0, count: size)
        positions = Array(repeating: 0, count: size)
        self.keys = keys.map { Array($0.utf8) }
        for (position, key) in self.keys.enumerated() {
            let hash = key.withUnsafeBytes { Self.hash($0) }
            var at = Int(truncatingIfNeeded: hash) & mask
            while hashes[at] != 0 { at = (at + 1) & mask }
            hashes[at] = hash
            positions[at] = position
        }
    }

    /// The position of a pattern as it was received: the JSON text of `pattern`, valid UTF-8. Nil when it is not there.
    public func lookUp(received pattern: UnsafeRawBufferPointer) -> Int? {
        guard pattern.count > 0 else { return nil }
        switch pattern[0] {
        case UInt8(ascii: "{"):
            // An object's normal form is JSON text of the same object, so equal bytes are the same pattern.
            if let position = exact(pattern) { return position }
        case UInt8(ascii: "\""):
            let text = UnsafeRawBufferPointer(rebasing: pattern[1..<(pattern.count - 1)])
            if Self.isItsOwnNormalForm(text) { return exact(text) }
        default: break
        }
        var reader = ValueReader(pattern)
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

    private func exact(_ key: UnsafeRawBufferPointer) -> Int? {
        let hash = Self.hash(key)
        var at = Int(truncatingIfNeeded: hash) & mask
        while hashes[at] != 0 {
            if hashes[at] == hash, isEqual(keys[positions[at]], key) { return positions[at] }
            at = (at &+ 1) & mask
        }
        return nil
    }

    private func isEqual(_ stored: [UInt8], _ key: UnsafeRawBufferPointer) -> Bool {
        stored.withUnsafeBytes { stored in
            guard stored.count == key.count, let one = stored.baseAddress, let other = key.baseAddress else {
                return stored.count == key.count
            }
            return memcmp(one, other, key.count) == 0
        }
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
        // 0 marks a free place.
        return hash | 1
    }
}

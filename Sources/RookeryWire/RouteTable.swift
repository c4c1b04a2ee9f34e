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
package struct RouteTable: Sendable {
    /// Of a key at each place; 0 where there is none.
    private var hashes: [UInt64]
    private var positions: [Int]
    private let keys: [[UInt8]]
    private let mask: Int
    /// Longer patterns than this are none of the keys. JSON may write a byte as six (`\u0061`), and add white space.
    private let longest: Int
    /// What a pattern may always be long, in bytes.
    private static let alwaysRead = 4096

    /// Makes a table of different keys.
    package init(_ keys: [String]) {
        var size = 16
        while size < keys.count * 2 { size *= 2 }
        mask = size - 1
        hashes = Array(repeating: 0, count: size)
        positions = Array(repeating: 0, count: size)
        self.keys = keys.map { Array($0.utf8) }
        longest = max(Self.alwaysRead, 8 * (self.keys.map(\.count).max() ?? 0))
        for (position, key) in self.keys.enumerated() {
            let hash = key.withUnsafeBytes { Self.hash($0) }
            var at = Int(truncatingIfNeeded: hash) & mask
            while hashes[at] != 0 { at = (at + 1) & mask }
            hashes[at] = hash
            positions[at] = position
        }
    }

    /// The position of a pattern as it was received: the JSON text of `pattern`, valid UTF-8. Nil when it is not there, and
    /// when it is longer than any way to write a key, without a look at it.
    ///
    /// A string is looked up as it is before it is taken for JSON: Nest reaches handlers of strings that read as JSON from
    /// 12.4 on.
    package func lookUp(received pattern: UnsafeRawBufferPointer) -> Int? {
        guard pattern.count > 0, pattern.count <= longest else { return nil }
        switch pattern[0] {
        case UInt8(ascii: "{"):
            // An object's normal form is JSON text of the same object, so equal bytes are the same pattern.
            if let position = exact(pattern) { return position }
        case UInt8(ascii: "\""):
            let text = UnsafeRawBufferPointer(rebasing: pattern[1..<(pattern.count - 1)])
            if !text.contains(UInt8(ascii: "\\")) {
                if let position = exact(text) { return position }
                if !Self.readsAsJSON(text) { return nil }
            }
        default: break
        }
        var reader = ValueReader(pattern)
        guard let value = try? reader.readValue() else { return nil }
        if case .string(var text) = value, let position = text.withUTF8({ exact(UnsafeRawBufferPointer($0)) }) {
            return position
        }
        guard var route = PatternNormalForm.route(ofReceived: value) else { return nil }
        return route.withUTF8 { exact(UnsafeRawBufferPointer($0)) }
    }

    /// Whether a string's content could be JSON text, as far as its first byte tells; white space may come before it.
    private static func readsAsJSON(_ text: UnsafeRawBufferPointer) -> Bool {
        guard let first = text.first else { return false }
        switch first {
        case UInt8(ascii: "t"), UInt8(ascii: "f"), UInt8(ascii: "n"), UInt8(ascii: "{"), UInt8(ascii: "["),
            UInt8(ascii: "\""), UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"), 0x20:
            return true
        default: return false
        }
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

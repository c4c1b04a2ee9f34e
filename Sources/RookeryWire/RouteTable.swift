#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// Maps the bytes of a received pattern to the position of its key, usually without creating a string.
///
/// Keys are normal forms. One hash lookup finds a received text that is already a normal form. The table normalises any
/// other text first. It is an open-addressing hash table that never grows after init. It returns positions and not
/// values, because a generic table would look up its types at run time for every message.
package struct RouteTable: Sendable {
    /// The hash of the key in each slot. 0 marks a free slot.
    private var hashes: [UInt64]
    private var positions: [Int]
    private let keys: [[UInt8]]
    private let mask: Int
    /// The maximum length of a received pattern, in bytes: 8 times the longest key, at least `alwaysRead`. JSON can
    /// write one byte as six (`\u0061`) and add white space.
    private let longest: Int
    /// The lower bound of `longest`, in bytes.
    private static let alwaysRead = 4096

    /// Creates a table. `keys` must be distinct.
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

    /// Returns the position of a received pattern: the JSON text of `pattern`, in valid UTF-8.
    ///
    /// Returns nil if no key matches. Also returns nil, without parsing, if the text is longer than any spelling of a
    /// key. The table first looks up a string as it is, and only then parses it as JSON. From 12.4 on, Nest finds
    /// handlers whose string pattern is valid JSON in the same way.
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

    /// Whether a string's content can be JSON, judged by its first byte. A space may come before the JSON text.
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

    /// Hashes eight bytes per step. Keys are the server's own patterns, so a peer cannot force collisions in the table.
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
        // 0 marks a free slot.
        return hash | 1
    }
}

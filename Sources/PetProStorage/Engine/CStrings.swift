import Foundation

extension [String?] {
    /// Calls `body` with the texts as C strings, which end with a zero byte. A nil is a null pointer.
    func withCStrings<Value>(
        _ body: (UnsafePointer<UnsafePointer<CChar>?>?) throws -> Value
    ) rethrows -> Value {
        let size = reduce(0) { $0 + ($1.map { $0.utf8.count + 1 } ?? 0) }
        // One piece of memory for all of them.
        return try withUnsafeTemporaryAllocation(of: CChar.self, capacity: size) { bytes in
            try withUnsafeTemporaryAllocation(of: UnsafePointer<CChar>?.self, capacity: count) { pointers in
                var end = 0
                for (at, text) in enumerated() {
                    guard var text else {
                        pointers.initializeElement(at: at, to: nil)
                        continue
                    }
                    let length = text.utf8.count
                    let place = UnsafeMutableBufferPointer(rebasing: bytes[end...end + length])
                    text.withUTF8 { utf8 in
                        _ = UnsafeMutableRawBufferPointer(place).initializeMemory(as: UInt8.self, from: utf8)
                    }
                    place.initializeElement(at: length, to: 0)
                    pointers.initializeElement(at: at, to: UnsafePointer(place.baseAddress))
                    end += length + 1
                }
                return try body(UnsafePointer(pointers.baseAddress))
            }
        }
    }
}

extension String {
    /// Whether the text has a zero byte, at which a C string would end.
    var hasZeroByte: Bool {
        utf8.withContiguousStorageIfAvailable { bytes in
            bytes.baseAddress.map { memchr($0, 0, bytes.count) != nil } ?? false
        } ?? utf8.contains(0)
    }
}

extension [(String, String)] {
    /// Calls `body` with names and values as C strings, each list with a null pointer at its end.
    func withCStrings<Value>(
        _ body: (UnsafePointer<UnsafePointer<CChar>?>?, UnsafePointer<UnsafePointer<CChar>?>?) throws -> Value
    ) rethrows -> Value {
        let names: [String?] = map { $0.0 } + [nil]
        let values: [String?] = map { $0.1 } + [nil]
        return try names.withCStrings { names in try values.withCStrings { values in try body(names, values) } }
    }
}

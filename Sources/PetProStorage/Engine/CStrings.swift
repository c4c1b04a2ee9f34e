import Foundation

extension [String?] {
    /// Calls `body` with the texts as C strings, which end with a zero byte. A nil is a null pointer.
    func withCStrings<Value>(
        _ body: (UnsafePointer<UnsafePointer<CChar>?>?) throws -> Value
    ) rethrows -> Value {
        let copies = map { $0.flatMap { strdup($0) } }
        defer { for copy in copies { free(copy) } }
        let pointers = copies.map { $0.map { UnsafePointer($0) } }
        return try pointers.withUnsafeBufferPointer { try body($0.baseAddress) }
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

import CZlib

/// A checksum against mistakes, not against forgers.
package enum Checksum {
    /// Returns the CRC-32 of a text's UTF-8, as eight hexadecimal digits.
    package static func crc32(_ text: String) -> String {
        let sum = Array(text.utf8).withUnsafeBufferPointer { CZlib.crc32(0, $0.baseAddress, uInt($0.count)) }
        return Hexadecimal.text((0..<4).reversed().map { UInt8(truncatingIfNeeded: sum >> ($0 * 8)) })
    }
}

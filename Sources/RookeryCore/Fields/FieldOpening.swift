import Crypto
import Foundation

/// Decrypts the marked members of one message, in their order.
///
/// All members must be of the same message, with rising ordinals.
final class FieldOpening {
    private let cipher: FieldCipher
    private var head: (keyID: Substring, origin: Data, key: SymmetricKey)?
    private var last: UInt32?

    init(_ cipher: FieldCipher) { self.cipher = cipher }

    /// Returns the JSON of a member's value. Nil when the text cannot be opened; nothing says why.
    func open(_ text: String, of name: StaticString) -> Data? {
        let rest = text.dropFirst(FieldKeys.prefix.count)
        guard let colon = rest.firstIndex(of: ":"),
            let bytes = Data(base64Encoded: String(rest[rest.index(after: colon)...])),
            bytes.count >= FieldKeys.headLength + 16
        else { return nil }
        // The salt and the number of the message.
        let (id, origin) = (rest[..<colon], bytes.prefix(FieldKeys.headLength - 4))
        let ordinal = bytes[origin.count..<FieldKeys.headLength].reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
        if let head {
            guard head.keyID == id, head.origin == origin, let last, ordinal > last else { return nil }
        } else {
            guard let key = cipher.key(String(id), bytes.prefix(FieldKeys.saltLength)) else { return nil }
            head = (id, origin, key)
        }
        last = ordinal
        guard let key = head?.key,
            let box = try? AES.GCM.SealedBox(combined: bytes.dropFirst(FieldKeys.saltLength))
        else { return nil }
        return try? AES.GCM.open(
            box, using: key,
            authenticating: UnsafeRawBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount))
    }
}

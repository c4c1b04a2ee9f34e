import Crypto
import Foundation

/// Decrypts the marked members of one message, in their order.
///
/// All members must be of the same message, with rising ordinals.
final class FieldOpening {
    private let cipher: FieldCipher
    private var head: (keyID: String, message: Data, key: SymmetricKey)?
    private var last: UInt32?

    init(_ cipher: FieldCipher) { self.cipher = cipher }

    /// Returns the JSON of a member's value. Nil when the text cannot be opened; nothing says why.
    func open(_ text: String, of name: StaticString) -> [UInt8]? {
        let rest = text.dropFirst(FieldKeys.prefix.count)
        guard let colon = rest.firstIndex(of: ":"),
            let bytes = Data(base64Encoded: String(rest[rest.index(after: colon)...])),
            bytes.count >= FieldKeys.headLength + 16
        else { return nil }
        let (id, message) = (String(rest[..<colon]), bytes.prefix(FieldKeys.messageLength))
        let ordinal = bytes[FieldKeys.messageLength..<FieldKeys.headLength].reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
        if let head {
            guard head.keyID == id, head.message == message, let last, ordinal > last else { return nil }
        } else {
            guard let key = cipher.key(id) else { return nil }
            head = (id, Data(message), FieldKeys.messageKey(key.secret, message))
        }
        last = ordinal
        guard let key = head?.key, let nonce = try? FieldKeys.nonce(ordinal),
            let box = try? AES.GCM.SealedBox(
                nonce: nonce, ciphertext: bytes[FieldKeys.headLength..<(bytes.count - 16)], tag: bytes.suffix(16)),
            let opened = try? AES.GCM.open(
                box, using: key,
                authenticating: UnsafeRawBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount))
        else { return nil }
        return Array(opened)
    }
}

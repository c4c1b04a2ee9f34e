import Crypto
import Foundation
import RookeryWire

/// Encrypts the marked members of one message with AES-256-GCM, under a key of the message's own.
///
/// The name of a member is its associated data, and its ordinal in the message the nonce. So members of one message cannot
/// be exchanged, and members of two messages cannot be mixed.
final class FieldSealing: FieldSealer {
    private let cipher: FieldCipher
    private var head: (prefix: String, message: [UInt8], key: SymmetricKey)?
    private var ordinal: UInt32 = 0

    init(_ cipher: FieldCipher) { self.cipher = cipher }

    func seal(_ json: UnsafeRawBufferPointer, of name: StaticString) -> String {
        let head = self.head ?? begin()
        self.head = head
        let number = ordinal
        ordinal += 1
        let associated = UnsafeRawBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount)
        do {
            let box = try AES.GCM.seal(
                json, using: head.key, nonce: try FieldKeys.nonce(number), authenticating: associated)
            var bytes = Data(head.message)
            withUnsafeBytes(of: number.bigEndian) { bytes.append(contentsOf: $0) }
            bytes.append(box.ciphertext)
            bytes.append(box.tag)
            return head.prefix + bytes.base64EncodedString()
        } catch {
            // Not reached: the library refuses only wrong lengths of keys and nonces. The member is lost then, not shown.
            return FieldKeys.prefix
        }
    }

    private func begin() -> (prefix: String, message: [UInt8], key: SymmetricKey) {
        let newest = cipher.keys().newest
        let message = SymmetricKey(size: .bits128).withUnsafeBytes { Array($0) }
        return (FieldKeys.prefix + newest.id + ":", message, FieldKeys.messageKey(newest.secret, message))
    }
}

import Crypto
import Foundation
import RookeryWire

/// Encrypts the marked members of one message with AES-256-GCM.
///
/// The name of a member is its associated data. Its nonce has the number of the message and the ordinal of the member. So
/// members of one message cannot be exchanged, and members of two messages cannot be mixed.
final class FieldSealing: FieldSealer {
    private let cipher: FieldCipher
    private var sender: FieldCipher.Sender?
    private var ordinal: UInt32 = 0

    init(_ cipher: FieldCipher) { self.cipher = cipher }

    func seal(_ json: UnsafeRawBufferPointer, of name: StaticString) -> String {
        let sender = self.sender ?? cipher.begin()
        self.sender = sender
        let nonce = FieldKeys.nonce(message: sender.number, ordinal)
        ordinal += 1
        let associated = UnsafeRawBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount)
        do {
            let box = try AES.GCM.seal(
                json, using: sender.key, nonce: try AES.GCM.Nonce(data: nonce), authenticating: associated)
            var bytes = Data(capacity: FieldKeys.headLength + json.count + 16)
            bytes.append(sender.salt)
            bytes.append(nonce)
            bytes.append(box.ciphertext)
            bytes.append(box.tag)
            return sender.prefix + bytes.base64EncodedString()
        } catch {
            // Not reached: the library refuses only wrong lengths of keys and nonces. The member is lost then, not shown.
            return FieldKeys.prefix
        }
    }
}

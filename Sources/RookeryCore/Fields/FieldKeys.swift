import Crypto
package import Foundation

/// The keys with which services encrypt the marked members of their messages for each other.
package enum FieldKeys {
    /// Makes one random key.
    package static func random() -> SecretKeys { SecretKeys(idOf: id) }

    /// Reads the content of a file. Throws ``SecretKeys/Malformed``.
    package static func parse(_ data: Data) throws -> SecretKeys { try SecretKeys(parsing: data, idOf: id) }

    /// The id of a key: the first 8 hexadecimal digits of the SHA-256 of `rookery field key` and the key.
    private static func id(_ secret: SymmetricKey) -> String {
        var hash = SHA256()
        hash.update(data: Array("rookery field key".utf8))
        secret.withUnsafeBytes { hash.update(bufferPointer: $0) }
        return hash.finalize().prefix(4).map { byte in
            let digits = String(byte, radix: 16)
            return digits.count == 1 ? "0" + digits : digits
        }.joined()
    }

    /// Derives the key of a sender, which has a salt of its own. So senders need not agree on nonces.
    static func senderKey(_ key: SymmetricKey, _ salt: Data) -> SymmetricKey {
        HKDF<SHA256>.deriveKey(
            inputKeyMaterial: key, salt: salt, info: Array("rookery field 1".utf8), outputByteCount: 32)
    }

    /// The nonce of a member: the number of its message, and its ordinal in the message, both big-endian.
    static func nonce(message: UInt64, _ ordinal: UInt32) -> Data {
        var nonce = Data(capacity: 12)
        withUnsafeBytes(of: message.bigEndian) { nonce.append(contentsOf: $0) }
        withUnsafeBytes(of: ordinal.bigEndian) { nonce.append(contentsOf: $0) }
        return nonce
    }

    /// What an encrypted member begins with. Then come the id of the key, a colon, and in base64 the salt of the sender (16
    /// bytes), the nonce (12), the ciphertext and its tag (16).
    package static let prefix = "enc:v1:"
    static let saltLength = 16
    static let headLength = saltLength + 12
}

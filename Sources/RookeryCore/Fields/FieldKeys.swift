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

    /// Returns the key of one message, and the nonce of one of its members.
    ///
    /// Each message has a key of its own, so a nonce need be unique only within the message.
    static func messageKey(_ key: SymmetricKey, _ message: some DataProtocol) -> SymmetricKey {
        HKDF<SHA256>.deriveKey(
            inputKeyMaterial: key, salt: Array(message), info: Array("rookery field 1".utf8), outputByteCount: 32)
    }

    static func nonce(_ ordinal: UInt32) throws -> AES.GCM.Nonce {
        let number = (0..<4).map { UInt8(truncatingIfNeeded: ordinal >> (24 - 8 * UInt32($0))) }
        return try AES.GCM.Nonce(data: [UInt8](repeating: 0, count: 8) + number)
    }

    /// What an encrypted member begins with. Then come the id of the key, a colon, and in base64 the id of the message (16
    /// bytes), the ordinal of the member (4), the ciphertext and its tag (16).
    package static let prefix = "enc:v1:"
    static let messageLength = 16
    static let headLength = messageLength + 4
}

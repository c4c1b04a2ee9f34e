import Crypto
import Rookery

/// A key that seals values: a person's data key, or an encryption key that seals data keys.
///
/// A sealed value is the version (1 byte), the key's commitment (32 bytes), a random nonce (12 bytes), the AES-256-GCM
/// ciphertext and its tag (16 bytes). The path of the value is the associated data. GCM alone does not commit to a key:
/// a ciphertext can be made that two keys open. HKDF-SHA256 therefore derives the AES key and the commitment from one
/// secret.
struct SealingKey: Sendable {
    static let version: UInt8 = 1
    private static let commitmentLength = 32
    private static let headLength = 1 + commitmentLength

    private let key: SymmetricKey
    private let commitment: [UInt8]

    /// Derives the key from 32 secret bytes.
    init(secret: SymmetricKey) {
        let derived = HKDF<SHA256>.deriveKey(
            inputKeyMaterial: secret, info: Array("petpro sealing key 1".utf8),
            outputByteCount: 32 + Self.commitmentLength)
        (key, commitment) = derived.withUnsafeBytes { bytes in
            (SymmetricKey(data: bytes.prefix(32)), Array(bytes.dropFirst(32)))
        }
    }

    /// 16 hexadecimal digits that name the key: the beginning of its commitment.
    var id: String { Self.hexadecimal(commitment.prefix(8)) }

    /// Returns the id of the key that sealed a value. Nil for bytes that are no sealed value.
    static func id(of sealed: [UInt8]) -> String? {
        sealed.count > headLength && sealed[0] == version ? hexadecimal(sealed[1..<9]) : nil
    }

    private static func hexadecimal(_ bytes: ArraySlice<UInt8>) -> String {
        Hexadecimal.text(Array(bytes))
    }

    /// Seals a value for its path. Throws the error of the cryptographic library.
    func seal(_ plain: some Sequence<UInt8>, at path: FieldPath) throws -> [UInt8] {
        let box = try AES.GCM.seal(Array(plain), using: key, authenticating: Array(path.text.utf8))
        return [Self.version] + commitment + box.nonce + box.ciphertext + box.tag
    }

    /// Opens a value that this key sealed for the same path. Throws ``Unreadable``.
    func open(_ sealed: [UInt8], at path: FieldPath) throws(Unreadable) -> [UInt8] {
        guard sealed.count > Self.headLength, sealed[0] == Self.version,
            Self.isEqual(sealed[1..<Self.headLength], commitment[...])
        else { throw Unreadable() }
        do {
            let box = try AES.GCM.SealedBox(combined: sealed[Self.headLength...])
            return Array(try AES.GCM.open(box, using: key, authenticating: Array(path.text.utf8)))
        } catch {
            throw Unreadable()
        }
    }

    /// Compares in a time that depends on the lengths only.
    private static func isEqual(_ one: ArraySlice<UInt8>, _ other: ArraySlice<UInt8>) -> Bool {
        one.count == other.count && zip(one, other).reduce(0) { $0 | ($1.0 ^ $1.1) } == 0
    }
}

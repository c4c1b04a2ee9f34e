import Crypto
package import Foundation
package import RookeryCore

/// The encryption keys of a platform (key-encryption keys). They seal the data keys of people.
///
/// Every key opens, and the last one seals. They are in a file that each host of the platform has.
public struct EncryptionKeys: Sendable {
    /// The file cannot be read, or does not hold valid keys.
    public struct Unusable: Error, CustomStringConvertible {
        /// Names the file and what is wrong.
        public let description: String

        /// Makes the error.
        public init(description: String) { self.description = description }
    }

    package let secrets: SecretKeys
    private let keys: [SealingKey]

    package init(_ secrets: SecretKeys) {
        self.secrets = secrets
        keys = secrets.keys.map { SealingKey(secret: $0.secret) }
    }

    private static func id(_ secret: SymmetricKey) -> String { SealingKey(secret: secret).id }

    /// Makes one random key.
    public init() { self.init(SecretKeys(idOf: Self.id)) }

    /// Reads the content of a file. Throws ``RookeryCore/SecretKeys/Malformed``.
    package init(parsing data: Data) throws { self.init(try SecretKeys(parsing: data, idOf: Self.id)) }

    /// The ids of the keys: 16 hexadecimal digits. The last one seals.
    public var ids: [String] { secrets.ids }

    /// The key that seals.
    var sealing: SealingKey { keys[keys.count - 1] }

    /// Returns the key with an id.
    subscript(id: String) -> SealingKey? { keys.first { $0.id == id } }
}

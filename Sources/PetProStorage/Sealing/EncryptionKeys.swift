import Crypto
public import Foundation
import Rookery

/// The encryption keys of a platform (key-encryption keys). They seal the data keys of people.
///
/// Every key opens, and the last one seals. They are in a file that each host of the platform has.
public struct EncryptionKeys: Sendable {
    /// The file cannot be read, or does not hold valid keys.
    public struct Unusable: Error, CustomStringConvertible {
        /// Names the file and what is wrong.
        public let description: String
    }

    private let secrets: [SymmetricKey]
    private let keys: [SealingKey]

    /// Makes keys from secrets of 32 bytes, oldest first. There must be at least one.
    private init(_ secrets: [SymmetricKey]) {
        self.secrets = secrets
        keys = secrets.map(SealingKey.init(secret:))
    }

    /// Makes one random key.
    public init() { self.init([SymmetricKey(size: .bits256)]) }

    /// The ids of the keys, oldest first: 16 hexadecimal digits.
    public var ids: [String] { keys.map(\.id) }

    /// The key that seals.
    var newest: SealingKey { keys[keys.count - 1] }

    /// Returns the key with an id.
    subscript(id: String) -> SealingKey? { keys.first { $0.id == id } }

    /// Returns the keys with a new one, which is the newest.
    public func rotated() -> EncryptionKeys { EncryptionKeys(secrets + [SymmetricKey(size: .bits256)]) }

    /// Returns the keys without one. Nil when there is no key with this id, or when it is the newest.
    public func without(_ id: String) -> EncryptionKeys? {
        guard let at = keys.firstIndex(where: { $0.id == id }), at < keys.count - 1 else { return nil }
        var rest = secrets
        rest.remove(at: at)
        return EncryptionKeys(rest)
    }

    // MARK: The file

    /// Reads the content of a file, which is JSON: `{"keys":[{"id":…,"key":…}]}` with the secrets in base64, oldest first.
    /// Throws ``Unusable``.
    public init(parsing data: Data) throws {
        func wrong(_ what: String) -> Unusable { Unusable(description: what) }
        guard let value = try? JSONValue(parsing: data), let entries = value["keys"]?.arrayValue else {
            throw wrong("must be JSON: {\"keys\":[{\"id\":…,\"key\":…}]}")
        }
        let secrets = try entries.enumerated().map { at, entry in
            guard let secret = entry["key"]?.stringValue.flatMap({ Data(base64Encoded: $0) }), secret.count == 32 else {
                throw wrong("keys[\(at)] must have a key of 32 bytes in base64")
            }
            return SymmetricKey(data: secret)
        }
        self.init(secrets)
        if keys.isEmpty { throw wrong("has no key") }
        for (at, entry) in entries.enumerated() where entry["id"]?.stringValue != keys[at].id {
            throw wrong("keys[\(at)] has another id than its key, which is \(keys[at].id): the key was changed")
        }
        if Set(ids).count < ids.count { throw wrong("has a key twice") }
    }

    /// The content of a file with these keys.
    public var fileContent: Data {
        let entries = zip(keys, secrets).map { key, secret in
            JSONValue.object([
                "id": .string(key.id),
                "key": .string(secret.withUnsafeBytes { Data($0) }.base64EncodedString()),
            ])
        }
        return Data((JSONValue.object(["keys": .array(entries)]).jsonText + "\n").utf8)
    }
}

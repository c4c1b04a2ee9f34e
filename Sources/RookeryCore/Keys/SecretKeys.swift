package import Crypto
package import Foundation
import RookeryWire

/// Symmetric keys of 32 bytes with ids. Every key opens, and the last one seals.
package struct SecretKeys: Sendable {
    package struct Key: Sendable {
        package let id: String
        package let secret: SymmetricKey
    }

    /// What is wrong with the content of a file. Never contains a key.
    package struct Malformed: Error, CustomStringConvertible {
        package let description: String
    }

    package let keys: [Key]
    private let idOf: @Sendable (SymmetricKey) -> String

    /// Makes one random key. `idOf` derives the id of a key from its secret.
    package init(idOf: @escaping @Sendable (SymmetricKey) -> String) {
        self.init([SymmetricKey(size: .bits256)], idOf)
    }

    private init(_ secrets: [SymmetricKey], _ idOf: @escaping @Sendable (SymmetricKey) -> String) {
        keys = secrets.map { Key(id: idOf($0), secret: $0) }
        self.idOf = idOf
    }

    /// The ids of the keys. The last one seals.
    package var ids: [String] { keys.map(\.id) }

    /// The key that seals.
    package var sealing: Key { keys[keys.count - 1] }

    /// Returns the key with an id.
    package subscript(id: String) -> Key? { keys.first { $0.id == id } }

    /// Returns the keys with a new one that only opens yet, and its id. So every process can read it before one seals
    /// with it.
    package func preparing() -> (keys: SecretKeys, id: String) {
        let new = SymmetricKey(size: .bits256)
        let secrets = keys.map(\.secret)
        return (SecretKeys(secrets.dropLast() + [new] + secrets.suffix(1), idOf), idOf(new))
    }

    /// Returns the keys with one of them as the key that seals. Nil when there is no key with this id.
    package func promoting(_ id: String) -> SecretKeys? {
        guard let key = self[id] else { return nil }
        return SecretKeys(keys.filter { $0.id != id }.map(\.secret) + [key.secret], idOf)
    }

    /// Returns the keys without one. Nil when there is no key with this id, or when it seals.
    package func without(_ id: String) -> SecretKeys? {
        guard self[id] != nil, sealing.id != id else { return nil }
        return SecretKeys(keys.filter { $0.id != id }.map(\.secret), idOf)
    }

    // MARK: The file

    /// Reads the content of a file, which is JSON: `{"keys":[{"id":…,"key":…}]}` with the secrets in base64; the last one seals.
    /// Throws ``Malformed``.
    package init(parsing data: Data, idOf: @escaping @Sendable (SymmetricKey) -> String) throws {
        guard let value = try? JSONValue(parsing: data), let entries = value["keys"]?.arrayValue else {
            throw Malformed(description: "must be JSON: {\"keys\":[{\"id\":…,\"key\":…}]}")
        }
        let secrets = try entries.enumerated().map { at, entry in
            guard let secret = entry["key"]?.stringValue.flatMap({ Data(base64Encoded: $0) }), secret.count == 32 else {
                throw Malformed(description: "keys[\(at)] must have a key of 32 bytes in base64")
            }
            return SymmetricKey(data: secret)
        }
        self.init(secrets, idOf)
        if keys.isEmpty { throw Malformed(description: "has no key") }
        for (at, entry) in entries.enumerated() where entry["id"]?.stringValue != keys[at].id {
            throw Malformed(
                description: "keys[\(at)] has another id than its key, which is \(keys[at].id): the key was changed")
        }
        if Set(ids).count < ids.count { throw Malformed(description: "has a key twice") }
    }

    /// The content of a file with these keys.
    package var fileContent: Data {
        let entries = keys.map { key in
            JSONValue.object([
                "id": .string(key.id),
                "key": .string(key.secret.withUnsafeBytes { Data($0) }.base64EncodedString()),
            ])
        }
        return Data((JSONValue.object(["keys": .array(entries)]).jsonText + "\n").utf8)
    }
}

import Crypto
import Foundation
import PetProStorage
import Rookery

/// The keys that sign access tokens, in a file of their own: a copy of the database gives no token.
///
/// Every key in the file verifies; the last one signs. All instances of the service share the file.
struct SigningKeys: Sendable {
    struct Key: Sendable, Hashable {
        let id: String
        /// 32 random bytes: the private key.
        let seed: [UInt8]
    }

    /// A file that holds no keys, or that cannot be read.
    struct Unusable: Error, CustomStringConvertible {
        let description: String
    }

    /// In the order of the file, at least one.
    let keys: [Key]
    var newest: Key { keys[keys.count - 1] }

    /// Keys that are known already, for tests.
    init(_ keys: [Key]) { self.keys = keys }

    /// Reads the file; makes it, with one key, when there is none: `inherited`, if there is one from before.
    static func load(_ path: String, inherited: Key? = nil) throws -> SigningKeys {
        if !FileManager.default.fileExists(atPath: path) {
            let key =
                inherited
                ?? Key(
                    id: "k" + String(UInt64.random(in: .min ... .max), radix: 36),
                    seed: SymmetricKey(size: .bits256).withUnsafeBytes { Array($0) })
            let object: JSONValue = [
                "keys": [["id": .string(key.id), "seed": .string(Data(key.seed).base64EncodedString())]]
            ]
            // Another instance may make it at the same moment: both use the first one's.
            _ = try PrivateFiles.writeIfAbsent(Data((object.jsonText + "\n").utf8), to: path)
        }
        try PrivateFiles.prepare(file: path)
        guard let data = FileManager.default.contents(atPath: path) else {
            throw Unusable(description: "cannot read the signing keys \(path)")
        }
        func wrong(_ what: String) -> Unusable { Unusable(description: "the signing keys \(path): \(what)") }
        guard let value = try? JSONValue(parsing: data), let entries = value["keys"]?.arrayValue else {
            throw wrong("must be JSON: {\"keys\":[{\"id\":…,\"seed\":…}]}")
        }
        let keys = try entries.enumerated().map { at, entry in
            guard let id = entry["id"]?.stringValue, !id.isEmpty,
                let seed = entry["seed"]?.stringValue.flatMap({ Data(base64Encoded: $0) }), seed.count == 32
            else { throw wrong("keys[\(at)] must have an id, and a seed of 32 bytes in base64") }
            return Key(id: id, seed: Array(seed))
        }
        guard !keys.isEmpty else { throw wrong("has no key") }
        guard Set(keys.map(\.id)).count == keys.count else { throw wrong("has an id twice") }
        return SigningKeys(keys)
    }
}

import Crypto
import Foundation
import PetProRuntime
import PetProStorage
import Rookery

/// The keys that sign access tokens. They are in a separate file, so that a copy of the database cannot make tokens.
///
/// Every key in the file verifies tokens, and the last one signs them. All instances of the service share the file.
struct SigningKeys: Sendable {
    struct Key: Sendable, Hashable {
        let id: String
        /// 32 random bytes: the private key.
        let seed: [UInt8]
    }

    /// The file cannot be read, or does not hold valid keys.
    struct Unusable: Error, CustomStringConvertible {
        let description: String
    }

    /// The keys in the order of the file, at least one.
    let keys: [Key]
    var newest: Key { keys[keys.count - 1] }

    /// Uses keys without a file.
    init(_ keys: [Key]) { self.keys = keys }

    /// Reads the file. If it does not exist, creates it with one key: `inherited`, or a random one. Throws
    /// ``Unusable``, or the error of creating the file.
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
            // Another instance may create the file at the same moment. Then both use the first file.
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

import Crypto
package import RookeryWire

/// A service key: what a service proves its name with. Secret.
///
/// As text: `ptk_<environment>_<id>_<secret>_<checksum>`. The secret is the 32 bytes of an Ed25519 private key (RFC 8032)
/// in base 62, so that it has one word and no `_`. The checksum is the CRC-32 of the text before its `_`, in hexadecimal:
/// it finds mistakes, and scanners for leaked keys recognize a key by it.
package struct ServiceKey: Sendable {
    /// A text is not a service key.
    package struct Malformed: Error, CustomStringConvertible {
        /// What is wrong, without the text.
        package let description: String
    }

    /// The environment, such as `live` or `demo`.
    package let environment: String
    /// The id, which is no secret.
    package let id: String
    private let seed: [UInt8]
    private let key: Curve25519.Signing.PrivateKey

    private init(environment: String, id: String, seed: [UInt8]) throws {
        self.environment = environment
        self.id = id
        self.seed = seed
        key = try Curve25519.Signing.PrivateKey(rawRepresentation: seed)
    }

    /// Makes a new key from random bytes.
    ///
    /// Throws ``Malformed`` if the environment is not 1 to 16 lower-case letters and digits.
    package init(environment: String) throws {
        guard Self.isEnvironment(environment) else {
            throw Malformed(description: "an environment has 1 to 16 lower-case letters and digits")
        }
        try self.init(environment: environment, id: Base62.text(Self.random(9), digits: 13), seed: Self.random(32))
    }

    /// Reads the text of a key. Throws ``Malformed``, which never contains the text.
    package init(_ text: String) throws(Malformed) {
        let parts = text.split(separator: "_", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 5, parts[0] == "ptk" else {
            throw Malformed(description: "a service key has the form ptk_<environment>_<id>_<secret>_<checksum>")
        }
        guard Self.isEnvironment(parts[1]), Self.isID(parts[2]) else {
            throw Malformed(description: "the environment or the id of the service key is malformed")
        }
        guard parts[4] == Checksum.crc32(parts.dropLast().joined(separator: "_")) else {
            throw Malformed(description: "the checksum of the service key is wrong: a part of it is missing or changed")
        }
        do {
            guard let seed = Base62.bytes(parts[3], count: 32) else {
                throw Malformed(description: "the secret of the service key is malformed")
            }
            try self.init(environment: parts[1], id: parts[2], seed: seed)
        } catch {
            throw Malformed(description: "the secret of the service key is malformed")
        }
    }

    /// The id in the text of a key, without any check of the rest. Nil if there is none.
    package static func id(of text: String) -> String? {
        let parts = text.split(separator: "_", omittingEmptySubsequences: false)
        return parts.count == 5 && parts[0] == "ptk" ? String(parts[2]) : nil
    }

    /// The text of the key, secret included. It belongs into a file that only its service can read.
    package var text: String {
        let text = "ptk_\(environment)_\(id)_\(Base62.text(seed, digits: 43))"
        return text + "_" + Checksum.crc32(text)
    }

    /// The 32 bytes of the public key.
    package var publicKey: [UInt8] { Array(key.publicKey.rawRepresentation) }

    /// Signs bytes. The signature has 64 bytes.
    package func sign(_ bytes: [UInt8]) throws -> [UInt8] { Array(try key.signature(for: bytes)) }

    /// Makes a nonce: 32 random bytes in hexadecimal.
    package static func nonce() -> String { Hexadecimal.text(random(32)) }

    private static func random(_ count: Int) -> [UInt8] {
        var random = SystemRandomNumberGenerator()
        return (0..<(count + 7) / 8).flatMap { _ in
            let word = random.next()
            return (0..<8).map { UInt8(truncatingIfNeeded: word >> ($0 * 8)) }
        }.prefix(count).map { $0 }
    }

    /// Proves the key to a server that asks for it.
    package func proof(dialled: String, client: String, server: String) throws -> HelloProof {
        let text = HelloProof.signedText(key: id, dialled: dialled, client: client, server: server)
        return HelloProof(key: id, dialled: dialled, signature: Hexadecimal.text(try sign(Array(text.utf8))))
    }

    /// Whether a text can be the id of a key.
    package static func isID(_ text: String) -> Bool {
        (1...32).contains(text.utf8.count) && text.utf8.allSatisfy { Base62.value(of: $0) != nil }
    }

    private static func isEnvironment(_ text: String) -> Bool {
        (1...16).contains(text.utf8.count)
            && text.utf8.allSatisfy {
                (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0)
                    || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0)
            }
    }
}

extension ServiceKey: CustomStringConvertible, CustomReflectable {
    /// The key without its secret.
    package var description: String { "ptk_\(environment)_\(id)_…" }
    /// Shows no secret in dumps.
    package var customMirror: Mirror { Mirror(self, children: ["id": id]) }
}

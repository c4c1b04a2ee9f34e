import Crypto
import CryptoExtras
import Foundation

/// A password that is hashed with scrypt (RFC 7914) and stored as a PHC string: `$scrypt$ln=17,r=8,p=1$<salt>$<hash>`.
struct PasswordHash: Sendable, Hashable {
    /// The parameters of scrypt, which determine the cost of a hash.
    struct Cost: Sendable, Hashable {
        /// The base-2 logarithm of N. A hash uses `128 · r · N` bytes of memory.
        var logRounds: Int
        var blockSize = 8
        var parallelism = 1

        /// N = 2¹⁷, 128 MiB: OWASP's recommendation for scrypt.
        static let standard = Cost(logRounds: 17)
    }

    struct Malformed: Error {}

    let cost: Cost
    private let salt: Data
    private let hash: Data

    /// Hashes a password. Never call it on an event loop, because it takes tens to hundreds of milliseconds.
    init(_ password: String, cost: Cost, salt: Data) throws {
        self.cost = cost
        self.salt = salt
        hash = try Self.derive(password, cost, salt).withUnsafeBytes { Data($0) }
    }

    /// Hashes a password with a random salt.
    init(_ password: String, cost: Cost) throws {
        try self.init(password, cost: cost, salt: SymmetricKey(size: .bits128).withUnsafeBytes { Data($0) })
    }

    /// Reads a PHC string. Throws ``Malformed``.
    init(phc: String) throws {
        let parts = phc.split(separator: "$", omittingEmptySubsequences: true)
        guard parts.count == 4, parts[0] == "scrypt", let salt = Self.base64(parts[2]), let hash = Self.base64(parts[3])
        else { throw Malformed() }
        var values: [Substring: Int] = [:]
        for pair in parts[1].split(separator: ",") {
            let sides = pair.split(separator: "=")
            if sides.count == 2 { values[sides[0]] = Int(sides[1]) }
        }
        guard let logRounds = values["ln"], let blockSize = values["r"], let parallelism = values["p"],
            (1...24).contains(logRounds)
        else { throw Malformed() }
        cost = Cost(logRounds: logRounds, blockSize: blockSize, parallelism: parallelism)
        self.salt = salt
        self.hash = hash
    }

    /// The PHC string.
    var phc: String {
        let (salt, hash) = (Self.text(salt), Self.text(hash))
        return "$scrypt$ln=\(cost.logRounds),r=\(cost.blockSize),p=\(cost.parallelism)$\(salt)$\(hash)"
    }

    /// Returns whether `password` has this hash. It is as slow as hashing, and compares in constant time.
    func matches(_ password: String) throws -> Bool {
        // `SymmetricKey` compares in constant time.
        try Self.derive(password, cost, salt) == SymmetricKey(data: hash)
    }

    private static func derive(_ password: String, _ cost: Cost, _ salt: Data) throws -> SymmetricKey {
        try KDF.Scrypt.deriveKey(
            from: Data(password.utf8), salt: salt, outputByteCount: 32, rounds: 1 << cost.logRounds,
            blockSize: cost.blockSize, parallelism: cost.parallelism, maxMemory: 512 * 1024 * 1024)
    }

    // PHC strings use base64 without padding.
    private static func text(_ data: Data) -> String { data.base64EncodedString().filter { $0 != "=" } }

    private static func base64(_ text: Substring) -> Data? {
        Data(base64Encoded: String(text) + String(repeating: "=", count: (4 - text.count % 4) % 4))
    }
}

import Crypto
import RookeryWire

/// Derives the idempotency key of a call inside a handler from the key of the handled message.
enum IdempotencyKeyDerivation {
    /// Returns 128 bits of a SHA-256 in hexadecimal. The key has 32 characters, however many services the call passes.
    static func key(inbound: String, route: String, number: Int) -> String {
        // Length prefixes make sure that no two triples have the same text.
        let text = "\(inbound.utf8.count):\(inbound)\(route.utf8.count):\(route)\(number)"
        return Hexadecimal.text(Array(SHA256.hash(data: Array(text.utf8)).prefix(16)))
    }
}

import Crypto

/// Makes the key of a call inside a handler from the key of the message that is handled.
enum IdempotencyKeyDerivation {
    /// 128 bits of a SHA-256 in hexadecimal: as long at the tenth tier as at the first.
    static func key(inbound: String, route: String, number: Int) -> String {
        // Lengths come first, so that no two triples have the same text.
        let text = "\(inbound.utf8.count):\(inbound)\(route.utf8.count):\(route)\(number)"
        return SHA256.hash(data: Array(text.utf8)).prefix(16).map { byte in
            let hex = String(byte, radix: 16)
            return hex.count == 1 ? "0" + hex : hex
        }.joined()
    }
}

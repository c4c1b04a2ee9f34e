/// A server's first reply to a ``Hello`` when it asks for a service key. It tells nothing else about the server.
package struct HelloChallenge: Sendable, Hashable {
    /// 32 random bytes in hexadecimal, new for each connection.
    package let nonce: String

    /// Creates a challenge.
    package init(nonce: String) { self.nonce = nonce }

    /// Reads a challenge. Returns nil if the value is none.
    package init?(_ value: JSONValue) {
        guard let nonce = value["challenge"]?.stringValue else { return nil }
        self.nonce = nonce
    }

    /// The challenge as a JSON object.
    package var jsonValue: JSONValue { ["version": .int(Int64(Hello.version)), "challenge": .string(nonce)] }
}

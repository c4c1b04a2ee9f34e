/// A client's answer to a ``HelloChallenge``: it proves that the client has a service key, without sending the key.
package struct HelloProof: Sendable, Hashable {
    /// The pattern of the request.
    package static let pattern = "$rookery.prove"

    /// The id of the service key.
    package let key: String
    /// The name that the client dialled. The server accepts only its own, so that no peer in between can pass the proof
    /// on to another service.
    package let dialled: String
    /// The Ed25519 signature of ``signedText(key:dialled:client:server:)``, 64 bytes in hexadecimal.
    package let signature: String

    /// Creates a proof.
    package init(key: String, dialled: String, signature: String) {
        self.key = key
        self.dialled = dialled
        self.signature = signature
    }

    /// Reads a proof. Returns nil if a member is missing.
    package init?(_ value: JSONValue) {
        guard let key = value["key"]?.stringValue, let dialled = value["dialled"]?.stringValue,
            let signature = value["signature"]?.stringValue
        else { return nil }
        self.init(key: key, dialled: dialled, signature: signature)
    }

    /// The proof as a JSON object.
    package var jsonValue: JSONValue {
        ["key": .string(key), "dialled": .string(dialled), "signature": .string(signature)]
    }

    /// The text that the client signs, a line for each part. `client` and `server` are the nonces of the hello and of the
    /// challenge.
    ///
    /// Nonces, ids and names have no line breaks: the server compares each with what it knows.
    package static func signedText(key: String, dialled: String, client: String, server: String) -> String {
        "rookery-service-key-v1\n\(client)\n\(server)\n\(key)\n\(dialled)"
    }
}

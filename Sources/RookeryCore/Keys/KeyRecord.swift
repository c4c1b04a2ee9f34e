import Crypto
package import RookeryWire

/// What a server knows about a service key: enough to check a proof, not enough to make one.
package struct KeyRecord: Sendable, Hashable {
    /// Whether a key may be used, and why not.
    package enum State: String, Sendable {
        case active, expired, revoked
    }

    /// The id of the key.
    package let id: String
    /// The name of the service that has the key.
    package let service: String
    /// The 32 bytes of the Ed25519 public key.
    package let publicKey: [UInt8]
    /// The commands that the key allows.
    package let scopes: [KeyScope]
    package let createdAt: Instant
    /// When the key stops to be valid. Nil for never.
    package var notAfter: Instant?
    /// When the key was revoked. Nil if it was not.
    package var revokedAt: Instant?

    /// Makes the record of a key.
    package init(_ key: ServiceKey, of service: String, scopes: [KeyScope], createdAt: Instant, notAfter: Instant?) {
        id = key.id
        self.service = service
        publicKey = key.publicKey
        self.scopes = scopes
        self.createdAt = createdAt
        self.notAfter = notAfter
    }

    /// Reads a record. Returns nil, and the member that is wrong, for other values.
    package static func read(_ value: JSONValue) -> (record: KeyRecord?, wrong: String) {
        guard let id = value["id"]?.stringValue, ServiceKey.isID(id) else { return (nil, "id") }
        guard let service = value["service"]?.stringValue, isName(service) else { return (nil, "service") }
        guard let publicKey = value["publicKey"]?.stringValue.flatMap({ Hexadecimal.bytes($0, count: 32) })
        else { return (nil, "publicKey") }
        let texts = value["scopes"]?.arrayValue ?? []
        let scopes = texts.compactMap { $0.stringValue.flatMap { KeyScope($0) } }
        guard scopes.count == texts.count else { return (nil, "scopes") }
        guard let createdAt = value["createdAt"]?.stringValue.flatMap({ Instant($0) }) else {
            return (nil, "createdAt")
        }
        var record = KeyRecord(id, service, publicKey, scopes, createdAt)
        for (name, path) in [("notAfter", \KeyRecord.notAfter), ("revokedAt", \KeyRecord.revokedAt)] {
            guard let member = value[name], member != .null else { continue }
            guard let instant = member.stringValue.flatMap({ Instant($0) }) else { return (nil, name) }
            record[keyPath: path] = instant
        }
        return (record, "")
    }

    private init(_ id: String, _ service: String, _ publicKey: [UInt8], _ scopes: [KeyScope], _ createdAt: Instant) {
        self.id = id
        self.service = service
        self.publicKey = publicKey
        self.scopes = scopes
        self.createdAt = createdAt
    }

    /// Whether a text can be the name of a service: 1 to 64 letters, digits, `-`, `_` and `.`.
    package static func isName(_ text: String) -> Bool {
        (1...64).contains(text.utf8.count)
            && text.unicodeScalars.allSatisfy { scalar in
                scalar.isASCII && (scalar.properties.isAlphabetic || ("0"..."9").contains(scalar))
                    || "-_.".unicodeScalars.contains(scalar)
            }
    }

    /// The record as a JSON object.
    package var jsonValue: JSONValue {
        var object: JSONObject = [
            "id": .string(id), "service": .string(service), "publicKey": .string(Hexadecimal.text(publicKey)),
            "scopes": .array(scopes.map { .string($0.description) }), "createdAt": .string(createdAt.description),
        ]
        object["notAfter"] = notAfter.map { .string($0.description) }
        object["revokedAt"] = revokedAt.map { .string($0.description) }
        return .object(object)
    }

    /// Whether the key may be used at an instant.
    package func state(at now: Instant) -> State {
        if let revokedAt, revokedAt <= now { return .revoked }
        if let notAfter, notAfter <= now { return .expired }
        return .active
    }

    package var caller: Caller { Caller(service: service, keyID: id) }

    /// Whether the proof shows that its sender has the key. `client` and `server` are the nonces of the connection, and
    /// `name` is the server's own name.
    package func accepts(_ proof: HelloProof, by name: String, client: String, server: String) -> Bool {
        guard proof.key == id, proof.dialled == name, let signature = Hexadecimal.bytes(proof.signature, count: 64),
            let key = try? Curve25519.Signing.PublicKey(rawRepresentation: publicKey)
        else { return false }
        let text = HelloProof.signedText(key: id, dialled: name, client: client, server: server)
        return key.isValidSignature(signature, for: Array(text.utf8))
    }

    /// Whether this is the whole text of the key. A plain peer shows it, because it cannot sign.
    package func accepts(text: String) -> Bool {
        // What is compared is no secret, so the time of the comparison tells nothing.
        guard let key = try? ServiceKey(text), key.id == id else { return false }
        return key.publicKey == publicKey
    }

    /// Whether the key allows a command of a service.
    package func allows(_ service: String, _ command: String) -> Bool {
        scopes.contains { $0.allows(service, command) }
    }
}

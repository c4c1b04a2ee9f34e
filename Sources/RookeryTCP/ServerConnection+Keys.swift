import Logging
import NIOCore
import RookeryCore
import RookeryWire

// Service keys: a connection of a server with a keyring takes messages only after its peer has shown a key.
extension ServerConnection {
    /// How many messages with a wrong key a connection may send. A guess costs a forger a connection for each ten.
    private static let wrongKeysLimit = 10

    /// Whether the peer has to show a key before anything else.
    var needsKey: Bool { shared.access != nil && grant == nil }

    /// Takes a text packet of a peer that has shown no key: a hello, a proof, or a message with a key in its metadata.
    /// Returns whether the peer has shown a valid key with this packet, so that the message may be handled.
    func takesKey(_ body: ByteBuffer, _ scan: PacketScan) -> Bool {
        guard let access = shared.access else { return true }
        if let shown = shownKey(scan, in: body) { return takes(shown, access, scan, body) }
        if scan.id.isPresent, body.readableBytes <= Hello.sizeLimit, let pattern = text(of: scan.pattern, in: body) {
            if pattern == Hello.pattern, challenges(body, scan) { return false }
            if pattern == HelloProof.pattern {
                proved(body, scan, access)
                return false
            }
        }
        refuseUnauthenticated(scan, body)
        return false
    }

    /// The key in the metadata of a packet. Plain peers send it with every message.
    func shownKey(_ scan: PacketScan, in body: ByteBuffer) -> String? {
        guard scan.metadata.isPresent, scan.metadata.count <= shared.configuration.limits.metadata,
            let metadata = try? body.value(of: scan.metadata)
        else { return nil }
        return metadata[MetadataName.apiKey]?.stringValue
    }

    /// Takes the key that a plain peer shows. The connection remembers it, so that the next message costs a comparison.
    func takes(_ text: String, _ access: ServerAccess, _ scan: PacketScan, _ body: ByteBuffer) -> Bool {
        if text == plainKey, grant != nil { return true }
        switch access.grant(text: text) {
        case .success(let grant):
            self.grant = grant
            plainKey = text
            return true
        case .failure(let reason):
            wrongKey(ServiceKey.id(of: text), reason)
            refuseUnauthenticated(scan, body)
            return false
        }
    }

    private func text(of range: ByteRange, in body: ByteBuffer) -> String? {
        range.isPresent ? (try? body.value(of: range))?.stringValue : nil
    }

    /// Answers a hello with a challenge. A second hello does not replace the first.
    private func challenges(_ body: ByteBuffer, _ scan: PacketScan) -> Bool {
        guard shared.configuration.negotiates, let data = try? body.value(of: scan.data), let hello = Hello(data) else {
            return false
        }
        // A ping has no nonce. Its answer shows that the server is alive.
        let nonce = ServiceKey.nonce()
        if hello.nonce != nil {
            if challenge != nil { return false }
            challenge = (hello, nonce)
        }
        answer(HelloChallenge(nonce: nonce).jsonValue, body, scan)
        return true
    }

    /// Checks a proof, and answers it with the terms of the connection. A wrong proof ends the connection.
    private func proved(_ body: ByteBuffer, _ scan: PacketScan, _ access: ServerAccess) {
        guard let (hello, nonce) = challenge, let client = hello.nonce, let data = try? body.value(of: scan.data),
            let proof = HelloProof(data)
        else { return refuseUnauthenticated(scan, body) }
        // A nonce is good for one proof.
        challenge = nil
        switch access.grant(proof, client: client, server: nonce) {
        case .success(let grant):
            self.grant = grant
            if !agrees(on: hello, body, scan) { write { $0.noHandlerReply(id: body, scan.id) } }
        case .failure(let reason):
            wrongKey(proof.key, reason)
            refuseUnauthenticated(scan, body)
            close(.abandonStreams)
        }
    }

    func answer(_ value: JSONValue, _ body: ByteBuffer, _ scan: PacketScan) {
        write { writer in
            writer.verbatim("{\"response\":")
            value.write(to: &writer)
            body.withBytes(of: scan.id) { writer.endReply(id: $0, isLast: true) }
        }
    }

    func refuseUnauthenticated(_ scan: PacketScan, _ body: ByteBuffer) {
        shared.counters.count(.unauthenticated)
        shared.log(entry.peer, .warning, "refused a message without a valid service key")
        if scan.id.isPresent { write { $0.errorReply(.unauthenticated, id: body, scan.id) } }
    }

    private func wrongKey(_ id: String?, _ reason: ServerAccess.Refusal) {
        // An id that no keyring can have came from the peer alone, and stays out of the log.
        let id = id.map { ServiceKey.isID($0) ? $0 : "malformed" } ?? "none"
        shared.log(entry.peer, .warning, "refused a service key", ["key": "\(id)", "reason": "\(reason.rawValue)"])
        wrongKeys += 1
        if wrongKeys >= Self.wrongKeysLimit { close(.abandonStreams) }
    }

    /// Looks up the connection's key again, after the keyring has changed or keys have expired.
    ///
    /// Without a valid key, the connection refuses all further messages, and asks the peer to open another connection.
    func recheckKey() {
        guard let grant, let access = shared.access else { return }
        self.grant = access.grant(ofKnown: grant.caller.keyID)
        guard self.grant == nil else { return }
        plainKey = nil
        leave()
        executor.drain()
    }
}

extension RemoteError {
    /// The answer to whoever shows no valid key. It does not tell why, because the reason would help to guess.
    static let unauthenticated = RemoteError(.serviceUnauthenticated, "A valid service key is needed.")

    /// The answer to a command outside the scopes of the caller's key.
    static let forbidden = RemoteError(.serviceForbidden, "The service key does not allow this command.")
}

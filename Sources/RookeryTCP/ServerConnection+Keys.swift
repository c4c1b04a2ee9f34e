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
        if hello.nonce == nil {
            countRefusal()
        } else {
            if challenge != nil { return false }
            challenge = (hello.known(shared.configuration.serializers.names), nonce)
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
        let result = access.grant(proof, client: client, server: nonce)
        guard case .failure(.unknown) = result else { return settle(result, of: proof, hello, body, scan) }
        // A key that was just added: the keyring is read again before the peer is refused.
        executor.eventLoop.scheduleTask(in: Self.unknownKeyDelay) {
            guard self.takesMessages else { return }
            self.settle(access.grant(proof, client: client, server: nonce), of: proof, hello, body, scan)
            self.executor.drain()
        }
    }

    /// How long a proof with an unknown key waits, longer than the keyring is left unread.
    private static let unknownKeyDelay = ServerAccess.unknownKeyInterval + .milliseconds(50)

    private func settle(
        _ result: Result<Grant, ServerAccess.Refusal>, of proof: HelloProof, _ hello: Hello, _ body: ByteBuffer,
        _ scan: PacketScan
    ) {
        switch result {
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

    /// How many messages without a key a connection may send, and how many bytes of refusals may wait for it. The memory
    /// budget does not count them.
    private static let refusalLimit = (count: 100, unsent: 64 * 1024)

    func refuseUnauthenticated(_ scan: PacketScan, _ body: ByteBuffer) {
        countRefusal()
        shared.counters.count(.unauthenticated)
        shared.log(entry.peer, .warning, "refused a message without a valid service key")
        if scan.id.isPresent { write { $0.errorReply(.unauthenticated, id: body, scan.id) } }
    }

    private func countRefusal() {
        refusals += 1
        let unsent = writer.count + (context?.channel.unsentBytes ?? 0)
        if refusals >= Self.refusalLimit.count || unsent > Self.refusalLimit.unsent { close(.abandonStreams) }
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
    /// Without a valid key, the connection ends its streams, refuses all further messages, and asks the peer to open
    /// another connection. Streams that the key no longer allows end too.
    func recheckKey() {
        guard let old = grant, let access = shared.access else { return }
        let new = access.grant(ofKnown: old.caller.keyID)
        grant = new
        if let new {
            if new !== old { endStreams(abandoning: false) { !new.allows($0.entry.position) } }
        } else {
            plainKey = nil
            leave()
            // What the key no longer allows does not go on, and a peer that does not act on go-away is closed.
            endStreams(abandoning: false)
            abortLater()
        }
        executor.drain()
    }
}

extension RemoteError {
    /// The answer to a peer without a valid key. It does not tell why, because the reason would help to guess.
    static let unauthenticated = RemoteError(.serviceUnauthenticated, "A valid service key is needed.")

    /// The answer to a command outside the scopes of the caller's key.
    static let forbidden = RemoteError(.serviceForbidden, "The service key does not allow this command.")
}

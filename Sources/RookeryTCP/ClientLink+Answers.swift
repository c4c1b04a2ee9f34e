import NIOCore
import RookeryCore
import RookeryWire
import RookeryPolicies
import Logging

// Answers of the server: to the hello, and to calls.
extension ClientLink {
    // MARK: The hello

    /// How long the answer to the hello may take. Without a key, the link then takes the server for a plain one, and calls
    /// go on. With a key no call can go out before, so the link waits as long as calls do: a busy server is not a lost one.
    var openingLimit: TimeAmount {
        key == nil || configuration.sendsKey ? TimeAmount(configuration.connectTimeout) : Self.patience(configuration)
    }

    /// How long a handshake may take for which calls wait. Each call has its own deadline.
    static func patience(_ configuration: ClientConfiguration) -> TimeAmount {
        TimeAmount(max(configuration.connectTimeout, configuration.timeout))
    }

    /// Whether the server checks a certificate of the client. It does so after the client's handshake, so only an answer
    /// shows that it took it.
    private var showsCertificate: Bool { configuration.negotiates && owner.encryption?.hasCertificate == true }

    /// Delays a keyed call until the link knows whether the server takes metadata. Delays one with a client stream until it knows
    /// whether the server takes those, and every call until the client has shown its service key. Returns whether it delays the call.
    ///
    /// An idempotency key travels in the metadata. A call that was sent without its key could not be retried.
    func waitsForAgreement(_ call: PendingCall) -> Bool {
        guard case .unknown = agreement, let command = call.call?.command,
            key != nil || showsCertificate || call.sender != nil
                || !configuration.sendsMetadata && command.idempotency == .keyed
        else { return false }
        whenAgreed { result in
            // A link that ended has already failed its calls.
            guard self.pending[call.id] === call else { return }
            switch result {
            case .success: self.write(call)
            case .failure(let error): self.forget(call, error)
            }
        }
        return true
    }

    /// Calls `body` once the link knows whether the server uses binary frames. Passes an error if the link ends before
    /// that.
    func whenAgreed(_ body: @escaping (Result<Bool, any Error>) -> Void) {
        switch agreement {
        case .unknown: waitingForAgreement.append(body)
        case .plain: body(.success(false))
        case .binary: body(.success(true))
        case .refused(let error): body(.failure(error))
        }
    }

    func writeHello(_ call: PendingCall) {
        let hello = Hello(
            // A ping offers no serializers: a server that accepted one would send binary frames later.
            serializers: call.isHello ? configuration.serializers.names : [],
            compressions: configuration.compresses ? [Compression.name] : [], frameLimit: configuration.frameLimit,
            nonce: call.isHello ? nonce : nil)
        write(Hello.pattern, hello.jsonValue, id: call.id)
    }

    func write(_ pattern: String, _ data: JSONValue, id: UInt64) {
        let mark = writer.beginFrame()
        Array("\"\(pattern)\"".utf8).withUnsafeBytes { writer.beginPacket(pattern: $0) }
        writer.verbatim(",\"data\":")
        data.write(to: &writer)
        writer.endRequest(id: id)
        writer.endFrame(mark)
    }

    /// Takes the answer to the hello. An answer that this client does not understand means a plain server.
    func helloAnswered(_ result: Result<Payload, any Error>) {
        guard case .unknown = agreement else { return }
        guard case .success(let payload) = result, let value = try? payload.value() else { return settle(.plain) }
        if let challenge = HelloChallenge(value) { return challenged(challenge) }
        settle(terms(value) ?? .plain)
    }

    /// Reads the terms of the connection. Nil if the client does not understand them.
    private func terms(_ value: JSONValue) -> Agreement? {
        guard let reply = HelloReply(value), let negotiated = Negotiated(reply, configuration.serializers) else {
            return nil
        }
        decoder.acceptsBinary = true
        owner.logger.debug(
            "agreed on binary frames",
            metadata: ["address": "\(address)", "peer": "\(reply.name)", "instance": "\(reply.instance)"])
        return .binary(negotiated)
    }

    /// Proves the client's key. Without one the calls go out, and the server refuses them.
    private func challenged(_ challenge: HelloChallenge) {
        guard let key, let nonce else { return settle(.plain) }
        let proof: HelloProof
        do {
            proof = try key.proof(dialled: configuration.name, client: nonce, server: challenge.nonce)
        } catch {
            return refused(CallError(.cannotConnect, "The service key cannot sign.", cause: "\(error)"))
        }
        send(PendingCall(.proof(proof), before: .now() + openingLimit))
    }

    /// Takes the answer to the proof. Without an agreement no call can go out, so the link ends.
    func proofAnswered(_ result: Result<Payload, any Error>) {
        guard case .unknown = agreement else { return }
        switch result {
        case .success(let payload):
            if let agreed = (try? payload.value()).flatMap({ terms($0) }) { return settle(agreed) }
            refused(CallError(.invalidReply, "\(address) gave no terms after it had taken the service key."))
        case .failure(let error as RemoteError): refused(error)
        case .failure(let error):
            refused(CallError(.cannotConnect, "\(address) did not take the service key.", cause: "\(error)"))
        }
    }

    func refused(_ error: any Error) {
        let id = key?.id ?? ""
        owner.logger.error(
            "the server did not take the service key",
            metadata: [
                "address": "\(address)", "dialled": "\(configuration.name)", "key": "\(id)", "error": "\(error)",
            ])
        agreement = .refused(error)
        owner.agreed(false)
        let bodies = waitingForAgreement
        waitingForAgreement = []
        for body in bodies { body(.failure(error)) }
        leave()
    }

    func settle(_ agreed: Agreement) {
        agreement = agreed
        let isBinary = if case .binary = agreed { true } else { false }
        owner.agreed(isBinary)
        let bodies = waitingForAgreement
        waitingForAgreement = []
        for body in bodies { body(.success(isBinary)) }
    }

    // MARK: Answers

    func received(_ body: ByteBuffer) throws(FramingError) {
        let scan = try PacketScan(body)
        guard scan.isObject, scan.id.isPresent, let id = body.withBytes(of: scan.id, Self.callID) else { return }
        if id == lateHello {
            lateHello = nil
            agreement = .unknown
            return helloAnswered(.success(Payload(body: body, range: scan.response)))
        }
        guard let call = pending[id] else { return }  // The call has ended, or the id is unknown.
        switch ReplyPacket(scan, in: body) {
        case .value(let range, let isLast): received(Payload(body: body, range: range), isLast: isLast, of: call)
        case .end: finish(call, .success(call.value))
        case .failure(let range):
            finish(call, .failure(ReplyFailure.error(Payload(body: body, range: range), name: call.name)))
        case .foreign:
            received(
                Payload(body: body, range: ByteRange(start: 0, count: body.readableBytes)), isLast: true, of: call)
        }
    }

    /// Fails the one call whose reply was over the frame limit and was skipped.
    func received(_ skipped: SkippedFrame) throws(FramingError) {
        let limit = configuration.frameLimit
        let id = skipped.header?.id ?? skipped.id?.withUnsafeReadableBytes(Self.callID)
        // Without an id, the link cannot know which call lost its reply, so the connection ends.
        guard let id else { throw .frameTooLarge(declared: skipped.declared, limit: limit) }
        guard let call = pending[id] else { return }  // The call has ended, or the id is unknown.
        // `forget` also sends a cancel, because a stream may have more values.
        forget(call, RemoteError.replyTooLarge(limit: limit))
    }

    func received(_ header: BinaryHeader, _ body: ByteBuffer) throws(FramingError) {
        guard case .binary(let negotiated) = agreement else { throw .binaryNotNegotiated }
        switch header.kind {
        case .value, .error, .end:
            guard let call = pending[header.id] else { return }
            if header.kind == .end { return finish(call, .success(call.value)) }
            if inflatesElsewhere(header, body, call) { return inflateElsewhere(header, body, negotiated, call) }
            let limit = configuration.frameLimit
            let payload = Result {
                try FramePayload.read(header, body, negotiated, executor.compression, limit: limit)
            }
            try received(header, payload, of: call)
        case .ping: tell(.pong, header.id)
        case .pong:
            if let call = pending[header.id] { finish(call, .success(.absent)) }
        case .goAway: leave()
        case .credit: pending[header.id]?.sender?.granted(Int(header.amount))
        // Kinds that a server does not send, and kinds of later versions, are ignored.
        case .request, .event, .cancel, nil: break
        }
    }

    private func received(
        _ header: BinaryHeader, _ payload: Result<Payload, any Error>, of call: PendingCall
    ) throws(FramingError) {
        switch payload {
        case .failure(let error as FramingError): throw error
        case .failure(let error):
            let message = "The reply of \(call.name) cannot be decoded: \(error)"
            forget(call, CallError(.invalidReply, message, wasWritten: true))
        case .success(let payload) where header.kind == .error:
            finish(call, .failure(ReplyFailure.error(payload, name: call.name)))
        case .success(let payload): received(payload, isLast: header.flags.contains(.last), of: call)
        }
    }

    /// Whether another thread inflates this reply: the compressed last reply of a request, of at least
    /// ``PayloadPool/threshold`` bytes. The loop inflates values of streams itself, which keeps their order.
    private func inflatesElsewhere(_ header: BinaryHeader, _ body: ByteBuffer, _ call: PendingCall) -> Bool {
        guard case .request = call.kind, header.flags.contains(.compressed), header.flags.contains(.last) else {
            return false
        }
        return FramePayload.originalSize(header, body) >= PayloadPool.threshold
    }

    private func inflateElsewhere(
        _ header: BinaryHeader, _ body: ByteBuffer, _ negotiated: Negotiated, _ call: PendingCall
    ) {
        let limit = configuration.frameLimit
        PayloadPool.read(executor.eventLoop) { compression -> Result<Payload, any Error> in
            Result { try FramePayload.read(header, body, negotiated, compression, limit: limit) }
        } done: { payload in
            guard self.pending[header.id] === call else { return }
            do throws(FramingError) {
                try self.received(header, payload, of: call)
            } catch {
                self.broken(error)
            }
            self.executor.drain()
        }
    }

    func received(_ payload: Payload, isLast: Bool, of call: PendingCall) {
        if case .stream(let stream) = call.kind {
            guard stream.received(payload) || isLast else {
                let message = "\(address) sent more values of \(call.name) than it had credit for."
                return forget(call, CallError(.connectionLost, message, wasWritten: true))
            }
            if isLast { finish(call, .success(.absent)) }
            return
        }
        if isLast { return finish(call, .success(payload)) }
        call.value = payload
        // A request that the server answers with a stream takes the last value. Credit keeps the other values from
        // blocking it.
        grant(call, 1)
    }

    func finish(_ call: PendingCall, _ result: Result<Payload, any Error>) {
        remove(call)
        switch call.kind {
        case .hello: helloAnswered(result)
        case .proof: proofAnswered(result)
        // Any reply answers a ping.
        case .ping: call.resume(returning: .absent)
        case .keepalive: answeredKeepalive()
        case .request, .event, .stream: call.resume(with: result)
        }
    }

    /// Reads an id as this client writes it: the number in `"123"`. Returns nil for other text.
    static func callID(_ json: UnsafeRawBufferPointer) -> UInt64? {
        guard json.count > 2, json.count < 22, json[0] == UInt8(ascii: "\"") else { return nil }
        var id: UInt64 = 0
        for byte in json[1..<(json.count - 1)] {
            guard byte &- 48 < 10 else { return nil }
            id = id &* 10 &+ UInt64(byte &- 48)
        }
        return id
    }
}

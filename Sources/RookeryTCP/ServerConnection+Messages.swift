import NIOCore
import RookeryCore
import RookeryCalls
import RookeryPolicies
import RookeryWire
import Logging

// Received messages: text frames, the hello, and binary frames.
extension ServerConnection {
    // MARK: Messages of text

    func received(_ body: ByteBuffer) throws(FramingError) {
        let scan = try PacketScan(body)
        guard scan.isObject, scan.pattern.isPresent || scan.data.isPresent else {
            return shared.log(entry.peer, .info, "ignored a packet without pattern and data")
        }
        if needsKey {
            guard takesKey(body, scan) else { return }
        } else if plainKey != nil, let access = shared.access, let shown = shownKey(scan, in: body) {
            // Another key than before is checked like the first.
            guard takes(shown, access, scan, body) else { return }
        }
        let route =
            scan.pattern.isPresent ? body.withBytes(of: scan.pattern) { shared.router.lookUp(received: $0) } : nil
        guard let route else {
            if answersHello(body, scan) { return }
            shared.counters.count(.noHandler)
            if scan.id.isPresent { return write { $0.noHandlerReply(id: body, scan.id) } }
            return shared.log(entry.peer, .warning, "no handler for an event")
        }
        let metadata = scan.metadata.isPresent ? textMetadata(scan.metadata, in: body) : .success([:])
        let deadline = (try? metadata.get())?[MetadataName.timeout].flatMap(Int64.init).map(Self.deadline)
        let sending = Sending(isEvent: !scan.id.isPresent, hasClientStream: false)
        switch admit(route, body.readableBytes, metadata, deadline, sending) {
        case .failure(let refusal):
            if scan.id.isPresent { write { $0.errorReply(refusal, id: body, scan.id) } }
        case .success(let metadata):
            enqueue(
                ServerRequest(
                    self, route, payload: Payload(body: compact(body, route), range: scan.data), metadata: metadata,
                    deadline: deadline, sender: scan.id.isPresent ? .text(scan.id) : .event))
        }
    }

    /// Copies a small packet out of a large read buffer if its handler may suspend, so that the packet does not keep
    /// the buffer in memory.
    private func compact(_ body: ByteBuffer, _ route: Router.Entry) -> ByteBuffer {
        guard shared.loads[route.position].hasWaited, body.storageCapacity > 4 * body.readableBytes + 1024 else {
            return body
        }
        return ByteBuffer(bytes: body.readableBytesView)
    }

    static func deadline(milliseconds: Int64) -> NIODeadline {
        .now() + .milliseconds(max(0, min(milliseconds, 86_400_000)))
    }

    /// The metadata of a text packet, or a refusal if it is over the limit.
    ///
    /// Ignores members that are not strings, and metadata that is not an object. Nest's metadata is an object of
    /// strings, but nothing checks that.
    private func textMetadata(_ range: ByteRange, in body: ByteBuffer) -> Result<[String: String], RemoteError> {
        let limit = shared.configuration.limits.metadata
        guard range.count <= limit else { return .failure(.metadataTooLarge(limit: limit)) }
        guard case .object(let object)? = try? body.value(of: range) else { return .success([:]) }
        var metadata: [String: String] = [:]
        for (key, value) in object where key != MetadataName.apiKey { metadata[key] = value.stringValue }
        return .success(metadata)
    }

    /// Handles a frame that the decoder skipped because there was no memory for it. Refuses the call if the frame
    /// states its id.
    func received(_ skipped: SkippedFrame) {
        shared.counters.count(.shed)
        shared.log(entry.peer, .warning, "no memory for a message", ["length": "\(skipped.declared)"])
        if let header = skipped.header {
            if header.kind == .value { endClientStream(header.id, RemoteError.noMemory) }
            guard header.kind == .request else { return }
            // An unknown serializer would be a framing error, but this call has failed anyway: the first serializer
            // carries the error.
            let serializer = Int(header.serializer) < (negotiated?.codecs.count ?? 0) ? header.serializer : 0
            write(RemoteError.noMemory.payload, BinaryHeader(.error, id: header.id, serializer))
        } else if let id = skipped.id {
            write { $0.errorReply(.noMemory, id: id, ByteRange(start: 0, count: id.readableBytes)) }
        }
    }

    // MARK: Admission

    /// How a message was sent.
    private struct Sending {
        let isEvent: Bool
        let hasClientStream: Bool
    }

    /// Decides whether the server handles a message of `bytes` bytes. Returns its metadata, or why not.
    private func admit(
        _ route: Router.Entry, _ bytes: Int, _ metadata: Result<[String: String], RemoteError>,
        _ deadline: NIODeadline?, _ sending: Sending
    ) -> Result<[String: String], RemoteError> {
        switch metadata {
        case .failure(let error): return .failure(refused(route, .metadataTooLarge, error))
        case .success(let entries):
            if let refusal = refusal(route, bytes, deadline, sending, entries) { return .failure(refusal) }
            return metadata
        }
    }

    /// Why the server refuses a message of `bytes` bytes; nil if it does not.
    private func refusal(
        _ route: Router.Entry, _ bytes: Int, _ deadline: NIODeadline?, _ sending: Sending, _ metadata: [String: String]
    ) -> RemoteError? {
        if let grant, !grant.allows(route.position) { return refused(route, .forbidden, .forbidden) }
        if let deadline, deadline <= .now() { return refused(route, .late, .late) }
        let limits = shared.configuration.limits
        if route.command.hasClientStream != sending.hasClientStream, !sending.isEvent {
            let error = sending.hasClientStream ? RemoteError.unwantedClientStream : .noClientStream
            return refused(route, .clientStream, error)
        }
        // An overloaded server is still alive, so it answers health requests up to twice the limit.
        if route.position == shared.healthPosition, inFlight < 2 * limits.inFlight { return nil }
        guard mayKeep(bytes) else { return refused(route, .shed, .noMemory) }
        if route.command.isStreaming {
            // Without an id, a stream has no reader and no way to end.
            if sending.isEvent { return refused(route, .streamWithoutID, .noReader) }
            return streams < limits.streams ? nil : refused(route, .shed, .tooManyStreams)
        }
        guard inFlight - streams < limits.inFlight else {
            return refused(route, .shed, .tooManyInFlight)
        }
        if route.command.kind == .event { return nil }
        let isRefused = shared.loads[route.position].refuses { Criticality(of: metadata) }
        return isRefused ? refused(route, .shed, .shed) : nil
    }

    func refused(_ route: Router.Entry, _ decision: ServerDecision, _ error: RemoteError) -> RemoteError {
        shared.counters.count(decision)
        shared.log(
            entry.peer, .info, "refused a message",
            [
                "pattern": "\(route.command.pattern)", "reason": "\(error.message ?? "")",
                "key": "\(grant?.caller.keyID ?? "none")",
            ])
        return error
    }

    // MARK: The hello

    /// Answers the first hello of a connection. Returns false if the packet is not a hello, or not one to answer.
    private func answersHello(_ body: ByteBuffer, _ scan: PacketScan) -> Bool {
        let configuration = shared.configuration
        // A packet that is too long or cannot be read is not a hello: it is refused like any pattern without a handler.
        // A second hello is refused too, because frames that rely on the first agreement may be on their way.
        guard configuration.negotiates, negotiated == nil, scan.id.isPresent, body.readableBytes <= Hello.sizeLimit,
            (try? body.value(of: scan.pattern))?.stringValue == Hello.pattern,
            let data = try? body.value(of: scan.data), let hello = Hello(data)
        else { return false }
        return agrees(on: hello, body, scan)
    }

    /// Answers a hello, or the proof behind it, with the terms of the connection. Returns false if the peers have no
    /// serializer in common.
    func agrees(on hello: Hello, _ body: ByteBuffer, _ scan: PacketScan) -> Bool {
        let configuration = shared.configuration
        let reply = HelloReply(
            to: hello, name: configuration.name, instance: shared.instance,
            serializers: configuration.serializers.names, compressions: [Compression.name],
            patterns: shared.router.patterns.map(\.route), frameLimit: configuration.limits.frame)
        guard let agreed = Negotiated(reply, configuration.serializers) else { return false }
        negotiated = agreed
        peerFrameLimit = min(configuration.limits.frame, hello.frameLimit ?? configuration.limits.frame)
        decoder.acceptsBinary = true
        answer(agreed.reply.jsonValue, body, scan)
        return true
    }

    // MARK: Binary messages

    func received(_ header: BinaryHeader, _ body: ByteBuffer) throws(FramingError) {
        guard let negotiated else { throw .binaryNotNegotiated }
        if needsKey, header.kind == .request || header.kind == .event {
            shared.counters.count(.unauthenticated)
            return refuse(header, RemoteError.unauthenticated.payload)
        }
        switch header.kind {
        case .request, .event: try received(header, body, negotiated)
        case .cancel: cancel(header.id)
        case .credit where needsKey: break
        case .credit: creditTakers[header.id]?.granted(Int(header.amount))
        case .ping: write(BinaryHeader(.pong, id: header.id))
        case .value where needsKey, .end where needsKey: break
        case .value, .end: try receivedClientStream(header, body, negotiated)
        // Kinds that a client does not send, and kinds of later versions, are ignored.
        case .error, .pong, .goAway, nil: break
        }
    }

    private func received(
        _ header: BinaryHeader, _ body: ByteBuffer, _ negotiated: Negotiated
    ) throws(FramingError) {
        guard Int(header.serializer) < negotiated.codecs.count else {
            throw .damagedFrame("the serializer was not agreed on")
        }
        guard let route = shared.router.entry(at: Int(header.pattern)) else {
            shared.counters.count(.noHandler)
            return refuse(header, .string(RemoteError.noHandlerText))
        }
        let metadata = try binaryMetadata(header, in: body)
        let deadline = header.amount > 0 ? Self.deadline(milliseconds: Int64(header.amount)) : nil
        if header.flags.contains(.compressed), !negotiated.compresses {
            throw .damagedFrame("no compression was agreed on")
        }
        // The size that the payload states; inflating fails if the payload has another size.
        let original = FramePayload.originalSize(header, body)
        let limit = shared.configuration.limits.frame
        if original > limit { throw .frameTooLarge(declared: original, limit: limit) }
        let sending = Sending(
            isEvent: header.kind == .event,
            hasClientStream: header.kind == .request && header.flags.contains(.clientStream)
                && negotiated.takesClientStreams)
        switch admit(route, original + Int(header.metadataLength), metadata, deadline, sending) {
        case .failure(let error): refuse(header, error.payload)
        case .success(let metadata):
            let message = BinaryMessage(
                header: header, route: route, metadata: metadata, deadline: deadline,
                receiver: sending.hasClientStream ? try receiveClientStream(header) : nil)
            if header.flags.contains(.compressed), original >= PayloadPool.threshold {
                return inflateElsewhere(message, body, original, negotiated)
            }
            do {
                enqueue(
                    message, try FramePayload.read(header, body, negotiated, executor.compression, limit: limit))
            } catch let error as FramingError {
                throw error
            } catch {
                refuseUnreadable(message)
            }
        }
    }

    /// An admitted message.
    private struct BinaryMessage: Sendable {
        let header: BinaryHeader
        let route: Router.Entry
        let metadata: [String: String]
        let deadline: NIODeadline?
        let receiver: ClientStreamReceiver?
    }

    private func binaryMetadata(
        _ header: BinaryHeader, in body: ByteBuffer
    ) throws(FramingError) -> Result<[String: String], RemoteError> {
        let length = Int(header.metadataLength)
        if length == 0 { return .success([:]) }
        let limit = shared.configuration.limits.metadata
        guard length <= limit else { return .failure(.metadataTooLarge(limit: limit)) }
        let metadata = body.withBytes(of: ByteRange(start: 0, count: length)) { BinaryMetadata.read($0) }
        guard var metadata else { throw .damagedFrame("the metadata is not whole entries") }
        metadata[MetadataName.apiKey] = nil
        return .success(metadata)
    }

    private func enqueue(_ message: BinaryMessage, _ payload: Payload) {
        let header = message.header
        let payload = Payload(
            body: compact(payload.body, message.route), range: payload.range, format: payload.format)
        enqueue(
            ServerRequest(
                self, message.route, payload: payload, metadata: message.metadata, deadline: message.deadline,
                sender: header.kind == .event ? .event : .binary(header.id, serializer: header.serializer),
                receiver: message.receiver))
    }

    private func refuse(_ header: BinaryHeader, _ payload: JSONValue) {
        if header.kind == .event { return }
        write(payload, BinaryHeader(.error, id: header.id, header.serializer))
    }

    private func refuseUnreadable(_ message: BinaryMessage) {
        if let receiver = message.receiver { discardClientStream(receiver, message.header.id) }
        refuse(message.header, RemoteError(.invalidPayload, "The message cannot be decoded.").payload)
    }

    /// Inflates a payload on another thread. The message is in flight from now on.
    private func inflateElsewhere(
        _ message: BinaryMessage, _ body: ByteBuffer, _ original: Int, _ negotiated: Negotiated
    ) {
        let limit = shared.configuration.limits.frame
        inFlight += 1
        memory.keep(original, shared.memory, entry.peer)
        let header = message.header
        PayloadPool.read(executor.eventLoop) { compression -> Result<Payload, any Error> in
            Result { try FramePayload.read(header, body, negotiated, compression, limit: limit) }
        } done: { result in
            self.inFlight -= 1
            self.memory.keep(-original, self.shared.memory, self.entry.peer)
            self.executor.beginBurst()
            switch result {
            case .success(let payload):
                // A message that was admitted before a close is handled before the close.
                if case .closed = self.state {
                    if let receiver = message.receiver { self.discardClientStream(receiver, header.id) }
                    break
                }
                self.enqueue(message, payload)
            case .failure(let error as FramingError): self.framingFailed(error)
            case .failure: self.refuseUnreadable(message)
            }
            self.settleSoon()
            self.executor.drain()
        }
    }
}

extension ValueWriter {
    mutating func noHandlerReply(id body: ByteBuffer, _ range: ByteRange) {
        body.withBytes(of: range) { noHandlerReply(id: $0) }
    }
}

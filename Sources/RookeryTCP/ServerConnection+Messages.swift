import Logging
import CoreMetrics
import NIOCore
import RookeryCore
import RookeryResilience
import RookeryWire

// What the peer says: frames of text, the hello, and binary frames.
extension ServerConnection {
    // MARK: Messages of text

    func received(_ body: ByteBuffer) throws(FramingError) {
        let scan = try PacketScan(body)
        guard scan.isObject, scan.pattern.isPresent || scan.data.isPresent else {
            return shared.logger.info("ignored a packet without pattern and data", metadata: ["peer": "\(peer)"])
        }
        let entry =
            scan.pattern.isPresent ? body.withBytes(of: scan.pattern) { shared.router.lookUp(received: $0) } : nil
        guard let entry else {
            if answersHello(body, scan) { return }
            if scan.id.isPresent { return write { $0.noHandlerReply(id: body, scan.id) } }
            return shared.logger.warning("no handler for an event", metadata: ["peer": "\(peer)"])
        }
        var deadline: NIODeadline?
        var metadata: [String: String] = [:]
        if scan.metadata.isPresent {
            metadata = PacketMetadata.read(scan.metadata, in: body)
            deadline = metadata[MessageContext.timeoutKey].flatMap(Int64.init).map(Self.deadline)
        }
        if let refusal = refusal(entry, scan.data.count, deadline, isEvent: !scan.id.isPresent, { metadata }) {
            if scan.id.isPresent { write { $0.errorReply(refusal, id: body, scan.id) } }
            return
        }
        enqueue(
            ServerRequest(
                self, entry, payload: Payload(body: body, range: scan.data),
                metadata: scan.metadata.isPresent ? .text(scan.metadata) : .absent, deadline: deadline,
                sender: scan.id.isPresent ? .text(scan.id) : .nobody))
    }

    static func deadline(milliseconds: Int64) -> NIODeadline {
        .now() + .milliseconds(max(0, min(milliseconds, 86_400_000)))
    }

    /// Why a message of so many bytes is not handled; nil when it is. A single one always may be: the frame limit bounds
    /// it.
    func refusal(
        _ entry: Router.Entry, _ bytes: Int, _ deadline: NIODeadline?, isEvent: Bool, _ metadata: () -> [String: String]
    ) -> RemoteError? {
        if let deadline, deadline <= .now() { return refused(entry, .late, "its time was over when it came") }
        // Who has too much to do is still there, and says so.
        if entry.position == shared.healthPosition, inFlight < 2 * shared.configuration.limits.inFlight { return nil }
        let limits = shared.configuration.limits
        guard inFlight == 0 || inFlight < limits.inFlight && bytesInFlight + bytes <= limits.inFlightBytes else {
            shared.logger.warning(
                "over the limit of messages in flight",
                metadata: ["peer": "\(peer)", "pattern": "\(entry.command.pattern)"])
            shared.counters.shed.increment()
            return .tooManyInFlight
        }
        guard entry.command.kind == .request, !isEvent else { return nil }
        let admission = shared.loads[entry.position].admits {
            metadata()[MessageContext.criticalityKey].flatMap(Criticality.init) ?? .default
        }
        switch admission {
        case .admitted: return nil
        case .refused: return refused(entry, .shed, "there is too much to do")
        case .wouldRefuse:
            shared.counters.wouldShed.increment()
            return nil
        }
    }

    private func refused(_ entry: Router.Entry, _ error: RemoteError, _ why: String) -> RemoteError {
        (error.code == .deadlineExceeded ? shared.counters.late : shared.counters.shed).increment()
        shared.logger.debug(
            "refused a message: \(why)", metadata: ["peer": "\(peer)", "pattern": "\(entry.command.pattern)"])
        return error
    }

    /// Answers a hello, which no service can have a handler for; false when it is none, or is not wanted.
    func answersHello(_ body: ByteBuffer, _ scan: PacketScan) -> Bool {
        let configuration = shared.configuration
        // What cannot be read is no hello, and is refused like any pattern without a handler.
        guard configuration.negotiates, scan.id.isPresent,
            (try? body.value(of: scan.pattern))?.stringValue == Hello.pattern,
            let data = try? body.value(of: scan.data), let hello = Hello(data)
        else { return false }
        let reply = HelloReply(
            to: hello, name: configuration.name, instance: shared.instance,
            serializers: configuration.serializers.names, compressions: [Compression.name],
            patterns: shared.router.commands.map(\.pattern.route), frameLimit: configuration.limits.frame)
        // What was agreed on stays: frames that rely on it may be on their way. A second hello gets the same answer.
        guard let agreed = negotiated ?? Negotiated(reply, configuration.serializers) else { return false }
        negotiated = agreed
        decoder.acceptsBinary = true
        write { writer in
            writer.verbatim("{\"response\":")
            agreed.reply.jsonValue.write(to: &writer)
            body.withBytes(of: scan.id) { writer.endReply(id: $0, isLast: true) }
        }
        return true
    }

    // MARK: Binary messages

    func received(_ header: BinaryHeader, _ body: ByteBuffer) throws(FramingError) {
        guard let negotiated else { throw .binaryNotNegotiated }
        switch header.kind {
        case .request, .event: try received(header, body, negotiated)
        case .cancel: cancel(header.id)
        case .credit: creditTakers[header.id]?.granted(Int(header.amount))
        case .ping: write(BinaryHeader(.pong, id: header.id))
        // Nothing a client sends, or of a later version: passed over.
        case .value, .end, .error, .pong, .goAway, nil: break
        }
    }

    func received(
        _ header: BinaryHeader, _ body: ByteBuffer, _ negotiated: Negotiated
    ) throws(FramingError) {
        guard Int(header.serializer) < negotiated.codecs.count else {
            throw .damagedFrame("the serializer was not agreed on")
        }
        let isEvent = header.kind == .event
        func refuse(_ payload: JSONValue) {
            if !isEvent { write(payload, BinaryHeader(.error, id: header.id, header.serializer)) }
        }
        guard let entry = shared.router.entry(at: Int(header.pattern)) else {
            return refuse(.string(RemoteError.noHandlerText))
        }
        let payload: Payload
        do {
            payload = try FramePayload.read(
                header, body, negotiated, executor.compression, limit: shared.configuration.limits.frame)
        } catch let error as FramingError {
            throw error
        } catch {
            return refuse(RemoteError(.invalidPayload, "The message is not what its serializer writes.").payload)
        }
        let length = Int(header.metadataLength)
        let deadline = header.amount > 0 ? Self.deadline(milliseconds: Int64(header.amount)) : nil
        let refusal = refusal(entry, payload.range.count, deadline, isEvent: isEvent) {
            body.withBytes(of: ByteRange(start: 0, count: length)) { BinaryMetadata.read($0) } ?? [:]
        }
        if let refusal { return refuse(refusal.payload) }
        enqueue(
            ServerRequest(
                self, entry, payload: payload, metadata: length > 0 ? .binary(body, count: length) : .absent,
                deadline: deadline, sender: isEvent ? .nobody : .binary(header.id, serializer: header.serializer)))
    }

    /// The caller of that call does not wait any longer: its handler is cancelled, or never begins.
    func cancel(_ id: UInt64) {
        func isMeant(_ request: ServerRequest) -> Bool {
            if case .binary(id, _) = request.sender { true } else { false }
        }
        if let queued = queue[firstQueued...].first(where: isMeant) { return queued.abandon() }
        guard let task = tasks.values.first(where: { $0.current.map(isMeant) ?? false }) else { return }
        task.current?.abandon()
        task.cancel()
    }

    func takesCredit(_ request: ServerRequest, _ id: UInt64) { creditTakers[id] = request }
}

extension ValueWriter {
    fileprivate mutating func noHandlerReply(id body: ByteBuffer, _ range: ByteRange) {
        body.withBytes(of: range) { noHandlerReply(id: $0) }
    }
}

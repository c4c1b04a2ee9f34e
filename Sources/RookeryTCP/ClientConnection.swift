import Logging
import NIOConcurrencyHelpers
import NIOCore
import RookeryCalls
import RookeryCore
import RookeryWire
import Synchronization
import RookeryPolicies

/// A slot of the pool: holds at most one connection that takes calls, and opens it on demand. It opens another one
/// after the connection was lost or the server sent go-away. Calls share the connection.
///
/// Confined to its event loop, except where a comment says otherwise.
final class ClientConnection: @unchecked Sendable {
    let instance: Instance
    let configuration: ClientConfiguration
    let key: ServiceKeyFile?
    let encryption: ClientEncryption?
    let executor: LoopExecutor
    let logger: Logger
    /// The link that takes calls, if there is one.
    private var link: ClientLink?
    /// All links, including those that take no more calls.
    private var links: [ObjectIdentifier: ClientLink] = [:]
    private var isClosed = false
    private var isDraining = false
    private var waitingForEnd: [CheckedContinuation<Void, Never>] = []
    private let callsInFlight = Atomic<Int>(0)
    private let inbox = NIOLockedValueBox<[PendingCall]>([])
    /// Whether the last server agreed on binary frames. Callers on other threads read it, because they encode the
    /// payload before they reach the loop.
    private let isNegotiated = NIOLockedValueBox(false)

    init(
        _ instance: Instance, _ configuration: ClientConfiguration, key: ServiceKeyFile?, encryption: ClientEncryption?,
        executor: LoopExecutor, logger: Logger
    ) {
        self.key = key
        self.encryption = encryption
        self.instance = instance
        self.configuration = configuration
        self.executor = executor
        self.logger = logger
    }

    var eventLoop: any EventLoop { executor.eventLoop }

    // MARK: Callers, on any thread

    /// Calls in flight on this slot.
    var inFlight: Int { callsInFlight.load(ordering: .relaxed) }

    /// Connections that are open or being opened.
    var linkCount: Int {
        get async {
            await withCheckedContinuation { continuation in
                eventLoop.execute { continuation.resume(returning: self.links.count) }
            }
        }
    }

    /// Sends a call and waits for its answer. Cancelling the task ends the call with `CancellationError`.
    func perform(_ call: Call) async throws -> Payload {
        guard let stream = call.clientStream else { return try await perform(PendingCall(call)) }
        let sender = ClientStreamSender(call, stream, executor)
        // The end of the call cancels what is still to be sent.
        async let _ = sender.run()
        return try await perform(PendingCall(call, sender))
    }

    /// Waits until the server answers a ping; any answer counts. Throws ``RookeryCore/CallError`` if none comes within
    /// `timeout`.
    func ping(within timeout: Duration) async throws {
        _ = try await perform(PendingCall(.ping, before: .now() + TimeAmount(timeout)))
    }

    private func perform(_ pending: PendingCall) async throws -> Payload {
        try Task.checkCancellation()
        callsInFlight.add(1, ordering: .relaxed)
        defer { callsInFlight.subtract(1, ordering: .relaxed) }
        return try await withTaskCancellationHandler {
            // An unsafe continuation saves one allocation per call. `resume` takes the continuation out, and every
            // submitted call is resumed: by its answer, its deadline or its connection's end.
            try await withUnsafeThrowingContinuation { continuation in
                pending.continuation = continuation
                submit(pending)
            }
        } onCancel: {
            pending.cancel()
            eventLoop.execute { self.cancelled(pending) }
        }
    }

    /// Opens a stream on the connection of the calls. Returns nil if the server, or the pattern, does not use binary
    /// frames: the stream then needs a connection of its own.
    func openStream(_ call: Call) async throws -> MessageStream<Payload>? {
        let sender = call.clientStream.map { ClientStreamSender(call, $0, executor) }
        return try await openStream(call, sender, sender.map { sender in Task { await sender.run() } })
    }

    /// `sending` sends the client stream. The returned stream owns it, and cancels it at its end; without a stream it is cancelled
    /// here. Nothing awaits it, so that a reader who leaves need not wait for a slow sequence.
    private func openStream(
        _ call: Call, _ sender: ClientStreamSender?, _ sending: Task<Void, Never>?
    ) async throws -> MessageStream<Payload>? {
        try await withCheckedThrowingContinuation { continuation in
            eventLoop.execute {
                do {
                    let link = try self.currentLink()
                    link.whenAgreed { result in
                        if case .failure = result { sending?.cancel() }
                        continuation.resume(
                            with: result.flatMap { isBinary in
                                Result { try self.openStream(call, on: link, sender, sending, isBinary: isBinary) }
                            })
                    }
                } catch {
                    sending?.cancel()
                    continuation.resume(throwing: error)
                }
                self.executor.drain()
            }
        }
    }

    private func openStream(
        _ call: Call, on link: ClientLink, _ sender: ClientStreamSender?, _ sending: Task<Void, Never>?, isBinary: Bool
    ) throws(CallError) -> MessageStream<Payload>? {
        guard link.hasFrames(for: call.command) else {
            sending?.cancel()
            // A stream of values from the server alone can go in text.
            if sender == nil { return nil }
            throw isBinary ? .noHandler(call.command, link.address) : .noClientStream(call.command, link.address)
        }
        if sender != nil, !link.takesClientStreams {
            sending?.cancel()
            throw .noClientStream(call.command, link.address)
        }
        let (stream, sequence) = SharedStream.make(self, buffer: configuration.streamBuffer, sending)
        let pending = PendingCall(call, stream: stream, sender)
        stream.opened(pending)
        link.send(pending)
        return sequence
    }

    private func submit(_ pending: PendingCall) {
        if eventLoop.inEventLoop { return take([pending]) }
        // Encodes on the caller's thread, so that the loop only copies bytes.
        if let call = pending.call {
            do {
                pending.encoded = try encode(call)
            } catch {
                return pending.resume(
                    throwing: CallError(.invalidCall, "The message of \(pending.name) cannot be encoded: \(error)"))
            }
        }
        let isFirst = inbox.withLockedValue { inbox in
            inbox.append(pending)
            return inbox.count == 1
        }
        if isFirst { eventLoop.execute { self.takeInbox() } }
    }

    /// Encodes the payload with the serializer that the server probably accepts, or with JSON before that is known.
    private func encode(_ call: Call) throws -> EncodedPayload {
        let choice = configuration.serializers
        let json = ValueFormat.json.name
        let isNegotiated = isNegotiated.withLockedValue { $0 }
        let wanted = isNegotiated ? choice.name(for: call.command) : json
        var payload: EncodedPayload
        if wanted != json, let codec = Codec(wanted, custom: choice.custom) {
            var writer = ValueWriter(capacity: 1024)
            try writer.payload(call.message, codec)
            payload = EncodedPayload(bytes: writer.bytes, serializer: wanted)
        } else {
            payload = EncodedPayload(bytes: call.message.bytes(as: .json), serializer: json)
        }
        // Compresses here rather than on the loop, which also serves other connections.
        if isNegotiated, configuration.compresses, call.message.allowsCompression,
            payload.bytes.count >= PayloadPool.threshold
        {
            payload.compress()
        }
        return payload
    }

    /// Closes all connections. Calls in flight and later calls fail with the code `closed`.
    func close() {
        eventLoop.execute {
            self.isClosed = true
            self.link = nil
            let links = self.links
            self.links = [:]
            for link in links.values { link.close(.closed) }
            self.tellEnd()
            self.executor.drain()
        }
    }

    /// Takes no more calls. Returns when the calls in flight have ended and the connections have closed.
    func drain() async {
        await withCheckedContinuation { continuation in
            eventLoop.execute {
                self.isDraining = true
                self.waitingForEnd.append(continuation)
                for link in self.links.values { link.leave() }
                self.executor.drain()
                self.tellEnd()
            }
        }
    }

    // MARK: On the loop

    private func tellEnd() {
        guard links.isEmpty else { return }
        let waiting = waitingForEnd
        waitingForEnd = []
        for continuation in waiting { continuation.resume() }
    }

    private func takeInbox() {
        let calls = inbox.withLockedValue { inbox in
            let calls = inbox
            inbox = []
            return calls
        }
        take(calls)
        // Settles now, because these calls are one burst.
        executor.drain()
    }

    private func take(_ calls: [PendingCall]) {
        for call in calls {
            do {
                try currentLink().send(call)
            } catch {
                call.resume(throwing: error)
            }
        }
    }

    private func currentLink() throws(CallError) -> ClientLink {
        if let link { return link }
        if isClosed { throw CallError(.closed, "The client was closed.") }
        if isDraining { throw CallError(.cannotConnect, "\(instance) is draining and takes no more calls.") }
        let link = ClientLink(self)
        self.link = link
        links[ObjectIdentifier(link)] = link
        link.connect()
        return link
    }

    /// Notes that the link takes no more calls. On the loop.
    func left(_ link: ClientLink) {
        if self.link === link { self.link = nil }
    }

    /// Notes that the link has ended. On the loop.
    func ended(_ link: ClientLink) {
        left(link)
        links[ObjectIdentifier(link)] = nil
        tellEnd()
    }

    /// Notes whether the server uses binary frames. On the loop.
    func agreed(_ isBinary: Bool) { isNegotiated.withLockedValue { $0 = isBinary } }

    private func cancelled(_ call: PendingCall) {
        call.link?.forget(call, CancellationError())
        executor.drain()
    }
}

extension SerializerChoice {
    func name(for command: Command) -> String {
        byPattern.isEmpty ? preferred : byPattern[command.pattern.route] ?? preferred
    }
}

extension ValueWriter {
    /// Writes the text packet of a request or an event. `encoded` is the payload as JSON, if it has been encoded
    /// already.
    mutating func write(_ call: Call, id: UInt64, metadata: [String: String], encoded: [UInt8]? = nil) {
        let isEvent = call.command.kind == .event
        call.command.pattern.withBytes(isEvent: isEvent) { beginPacket(pattern: $0) }
        verbatim(",\"data\":")
        if let encoded {
            encoded.withUnsafeBytes { verbatim($0) }
        } else {
            call.message.encode(to: &self)
        }
        packetMetadata(metadata)
        if isEvent { verbatim("}") } else { endRequest(id: id) }
    }
}

extension CallError {
    /// Makes the error of a call, and takes `wasWritten` from the call.
    init(_ code: Code, _ message: String, of call: PendingCall, cause: String? = nil) {
        self.init(
            code, message, wasWritten: call.wasWritten, cause: cause, isWithoutKey: call.wasWritten && call.isWithoutKey
        )
    }
}

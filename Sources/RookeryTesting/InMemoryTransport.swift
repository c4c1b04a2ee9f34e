import NIOCore
import NIOConcurrencyHelpers
public import RookeryCore
import RookeryWire

/// Carries calls to routes in the same process, through the same bytes as a network would, without one.
///
/// Everything a call goes through is there but sockets: the packet is written and scanned, the route is found by its bytes,
/// interceptors run, and the reply is written and read again.
public final class InMemoryTransport: ClientTransport {
    private let router: Router
    private let pipeline: ServerPipeline
    private let sendsMetadata: Bool
    private let isClosed = NIOLockedValueBox(false)

    /// Makes a transport to `routes`. Throws when two commands share a pattern.
    public init(_ routes: [Route], interceptors: [any ServerInterceptor] = [], sendsMetadata: Bool = true) throws {
        router = try Router(routes)
        pipeline = ServerPipeline(interceptors)
        self.sendsMetadata = sendsMetadata
    }

    /// A client over this transport.
    public func client(
        configuration: ClientConfiguration = ClientConfiguration(), interceptors: [any ClientInterceptor] = []
    ) -> RookeryClient {
        RookeryClient(transport: self, configuration: configuration, interceptors: interceptors)
    }

    /// Runs the handler and gives its last value.
    public func request(_ call: OutgoingCall) async throws -> Payload {
        let replies = try await deliver(call)
        var last = Payload.absent
        for reply in replies {
            if case .value(let range, _) = try kind(of: reply) { last = Payload(body: reply, range: range) }
        }
        return last
    }

    /// Runs the handlers; their failures stay here, as with a real peer.
    public func emit(_ call: OutgoingCall) async throws {
        do {
            _ = try await deliver(call)
        } catch is RemoteError {
            // Nobody answers an event.
        }
    }

    /// Runs the handler to its end and gives its values.
    public func stream(_ call: OutgoingCall) async throws -> MessageStream<Payload> {
        let replies = try await deliver(call)
        var values: [Payload] = []
        for reply in replies {
            if case .value(let range, _) = try kind(of: reply) { values.append(Payload(body: reply, range: range)) }
        }
        return MessageStream(values)
    }

    /// Fails every later call.
    public func close() async { isClosed.withLockedValue { $0 = true } }

    private func kind(of reply: ByteBuffer) throws -> ReplyPacket {
        let packet = ReplyPacket(try PacketScan(reply), in: reply)
        if case .failure(let range) = packet { throw RemoteError(payload: try reply.value(of: range) ?? .null) }
        return packet
    }

    private func deliver(_ call: OutgoingCall) async throws -> [ByteBuffer] {
        if isClosed.withLockedValue({ $0 }) { throw CallError(.closed, "The client was closed.") }
        let isEvent = call.command.kind == .event
        var writer = ValueWriter()
        call.command.pattern.withBytes(isEvent: isEvent) { writer.beginPacket(pattern: $0) }
        writer.verbatim(",\"data\":")
        call.payload.encode(to: &writer)
        if sendsMetadata { writer.packetMetadata(call.metadata) }
        if isEvent { writer.verbatim("}") } else { writer.endRequest(id: 1) }
        let body = ByteBuffer(bytes: writer.bytes)
        let scan = try PacketScan(body)
        guard let entry = body.withBytes(of: scan.pattern, { router.lookUp(received: $0) }) else {
            if isEvent { return [] }
            throw CallError(.noHandler, "The service has no handler for \(call.command.name).", wasWritten: true)
        }
        let context = MessageContext(
            pattern: entry.command.pattern, metadata: sendsMetadata ? call.metadata : [:], peer: "in-memory",
            deadline: call.command.kind == .stream ? nil : call.deadline)
        let sink = CollectingSink()
        do {
            try await MessageContext.$source.withValue(context) {
                try await pipeline.run(entry, Payload(body: body, range: scan.data), sink, context: context)
            }
        } catch let error as CancellationError {
            throw error
        } catch {
            throw RemoteError(answering: error)
        }
        return sink.replies
    }
}

/// Keeps the packets that would have been sent.
private final class CollectingSink: ReplySink {
    private let packets = NIOLockedValueBox<[ByteBuffer]>([])

    var replies: [ByteBuffer] { packets.withLockedValue { $0 } }

    private func add(_ value: (any MessageValue)?, isLast: Bool) {
        var writer = ValueWriter()
        Array("\"1\"".utf8).withUnsafeBytes { id in
            guard let value else { return writer.emptyReply(id: id) }
            writer.verbatim("{\"response\":")
            value.encode(to: &writer)
            writer.endReply(id: id, isLast: isLast)
        }
        let packet = ByteBuffer(bytes: writer.bytes)
        packets.withLockedValue { $0.append(packet) }
    }

    func reply(_ value: some MessageValue) { add(value, isLast: true) }
    func end() { add(nil, isLast: true) }
    func value(_ value: some MessageValue) async throws { add(value, isLast: false) }
    func endStream() { add(nil, isLast: true) }
}

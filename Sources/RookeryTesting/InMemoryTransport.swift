import AsyncAlgorithms
import NIOConcurrencyHelpers
import NIOCore
public import RookeryCore
import RookeryWire
public import Tracing

extension RookeryClient {
    /// Makes a client of services in the same process, for tests without a network.
    ///
    /// Each call passes the same encoding, interceptors and checks as over TCP, without the server's limits and the
    /// client's guards. Throws ``RookeryCore/DuplicatePattern``
    /// if two commands share a pattern.
    ///
    /// ```swift
    /// var stub = BookingAPIStub()
    /// stub.getBookingHandler = { _ in booking }
    /// let bookings = try BookingAPIClient(RookeryClient(inMemory: BookingAPIContract.service(stub)))
    /// ```
    public init(inMemory services: RookeryService..., tracer: (any Tracer)? = nil) throws {
        self.init(transport: try InMemoryTransport(services.flatMap(\.routes), tracer: tracer), tracer: tracer)
    }
}

/// Carries calls to routes in the same process, in the same bytes as on a network.
///
/// The transport writes and scans the packet, finds the route by its bytes, runs the interceptors, and writes and reads
/// the reply. A caller gets the same errors as over TCP.
///
/// There are no sockets, no hello and no binary frames: every payload is JSON. A server's limits, load gate, health and
/// description are missing, and so are a client's guards, such as retry and breaker. An event returns after its
/// handlers have ended.
package final class InMemoryTransport: ClientTransport {
    private let router: Router
    private let sendsMetadata: Bool
    private let sleep: @Sendable (Duration) async throws -> Void
    private let isClosed = NIOLockedValueBox(false)

    /// Makes a transport to `routes`. `sleep` waits for deadlines.
    ///
    /// Throws ``RookeryCore/DuplicatePattern`` if two commands share a pattern.
    package init(
        _ routes: [Route], interceptors: InterceptorList = InterceptorList(), sendsMetadata: Bool = true,
        tracer: (any Tracer)? = nil,
        sleep: @escaping @Sendable (Duration) async throws -> Void = { try await Task.sleep(for: $0) }
    ) throws {
        router = try Router(routes, interceptors: interceptors, tracer: CallTracer(tracer))
        self.sendsMetadata = sendsMetadata
        self.sleep = sleep
    }

    /// Makes a client over this transport.
    package func client(defaults: CallDefaults = CallDefaults()) -> RookeryClient {
        RookeryClient(transport: self, defaults: defaults)
    }

    /// Runs the handler and returns its last value.
    ///
    /// Throws ``RookeryCore/CallError`` if the deadline passes first. Then the handler is cancelled, and this function
    /// returns only after the handler has ended. Without a deadline, and for a client stream, the limit is one hour.
    package func request(_ call: Call) async throws -> Payload {
        let sink = CollectingSink()
        let deadline = call.command.isStreaming ? nil : call.deadline
        let time = deadline?.remaining ?? .seconds(3600)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await self.deliver(call, to: sink) }
            group.addTask {
                try await self.sleep(time)
                throw CallError(.timeout, "No reply to \(call.command.name) in time.", wasWritten: true)
            }
            try await group.next()
            group.cancelAll()
        }
        return sink.last
    }

    /// Runs the handlers of an event. As with a real peer, their failures do not reach the caller.
    package func emit(_ call: Call) async throws {
        do {
            try await deliver(call, to: CollectingSink())
        } catch let error where error is RemoteError || (error as? CallError)?.code == .timeout {
            // An event has no answer.
        }
    }

    /// Starts the handler, which waits until each of its values is taken. Ending the iteration cancels the handler.
    package func stream(_ call: Call) async throws -> MessageStream<Payload> {
        let channel = AsyncThrowingChannel<Payload, any Error>()
        // The stream owns the task, as a server's connection would: dropping the stream cancels it.
        let handler = Task {
            do {
                let sink = ChannelSink(channel)
                try await deliver(call, to: sink)
                if let single = sink.single { await channel.send(single) }
                channel.finish()
            } catch {
                channel.fail(error)
            }
        }
        let reading = Reading(channel.makeAsyncIterator(), handler)
        return MessageStream(unfolding: { try await reading.next() })
    }

    /// Fails every later call.
    package func close() async { isClosed.withLockedValue { $0 = true } }

    /// Writes the message, reads it back, and runs its handlers.
    private func deliver(_ call: Call, to sink: any ReplySink) async throws {
        if isClosed.withLockedValue({ $0 }) { throw CallError(.closed, "The client was closed.") }
        let isEvent = call.command.kind == .event
        var writer = ValueWriter()
        call.command.pattern.withBytes(isEvent: isEvent) { writer.beginPacket(pattern: $0) }
        writer.verbatim(",\"data\":")
        call.message.encode(to: &writer)
        if sendsMetadata { writer.packetMetadata(call.sentMetadata) }
        if isEvent { writer.verbatim("}") } else { writer.endRequest(id: 1) }
        let body = ByteBuffer(bytes: writer.bytes)
        let scan = try PacketScan(body)
        guard let entry = body.withBytes(of: scan.pattern, { router.lookUp(received: $0) }) else {
            if isEvent { return }
            throw CallError(.noHandler, "The service has no handler for \(call.command.name).", wasWritten: true)
        }
        var message = Payload(body: body, range: scan.data)
        if entry.command.hasClientStream != (call.clientStream != nil) {
            throw entry.command.hasClientStream ? RemoteError.noClientStream : .unwantedClientStream
        }
        let broken = NIOLockedValueBox<(any Error)?>(nil)
        message.clientStream = try call.clientStream?.begin(call.command).mapped { payload($0) }.onEnd { error in
            if let error, !(error is CancellationError) { broken.withLockedValue { $0 = error } }
        }
        let context = MessageContext(
            pattern: entry.pattern, metadata: sendsMetadata ? call.sentMetadata : [:], peer: "in-memory",
            deadline: call.command.isStreaming ? nil : call.deadline)
        defer { context.end() }
        do {
            let (surroundings, span) = router.startHandling(entry, context.metadata, context)
            do {
                try await MessageContext.$source.withValue(context) { [message] in
                    try await ServiceContext.withValue(surroundings ?? .current) {
                        try await router.run(entry, message, sink, context: context)
                    }
                }
                span?.end(.success)
            } catch {
                span?.end(CallOutcome(error, of: entry.command))
                throw error
            }
        } catch let error as CancellationError {
            throw error
        } catch {
            // A client stream that fails ends the call with its own error, whatever the handler makes of it.
            if let broken = broken.withLockedValue({ $0 }) { throw broken }
            throw RemoteError(answering: error).received(for: call.command.name)
        }
    }
}

/// Encodes what a handler answers, as for the wire.
private func payload(_ value: some MessageValue) -> Payload {
    let bytes = ByteBuffer(bytes: value.bytes(as: .json))
    return Payload(body: bytes, range: ByteRange(start: 0, count: bytes.readableBytes))
}

/// Keeps the last answer.
private final class CollectingSink: ReplySink {
    private let box = NIOLockedValueBox(Payload.absent)

    var last: Payload { box.withLockedValue { $0 } }

    private func keep(_ value: some MessageValue) {
        let payload = payload(value)
        box.withLockedValue { $0 = payload }
    }

    func reply(_ value: some MessageValue) { keep(value) }
    func end() {}
    func value(_ value: some MessageValue) async throws { keep(value) }
    func endStream() {}
}

/// Passes each value to the reader of the stream, and waits until the reader takes it.
private final class ChannelSink: ReplySink {
    private let channel: AsyncThrowingChannel<Payload, any Error>
    private let reply = NIOLockedValueBox<Payload?>(nil)

    /// The reply of a command with one reply that was called as a stream.
    var single: Payload? { reply.withLockedValue { $0 } }

    init(_ channel: AsyncThrowingChannel<Payload, any Error>) { self.channel = channel }

    func reply(_ value: some MessageValue) {
        let payload = payload(value)
        reply.withLockedValue { $0 = payload }
    }
    func end() {}
    func value(_ value: some MessageValue) async throws {
        await channel.send(payload(value))
        try Task.checkCancellation()
    }
    func endStream() {}
}

/// The reader's end of a stream.
private actor Reading {
    private var iterator: AsyncThrowingChannel<Payload, any Error>.AsyncIterator
    private let handler: Task<Void, Never>

    init(_ iterator: AsyncThrowingChannel<Payload, any Error>.AsyncIterator, _ handler: Task<Void, Never>) {
        self.iterator = iterator
        self.handler = handler
    }

    func next() async throws -> Payload? {
        var iterator = self.iterator
        let value = try await iterator.next(isolation: #isolation)
        self.iterator = iterator
        return value
    }

    deinit { handler.cancel() }
}

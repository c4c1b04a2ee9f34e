import Logging
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import RookeryCore
import RookeryWire
import Synchronization

/// One connection to a server, made when it is first needed and made again after it was lost. Calls share it by their ids.
///
/// Confined to its event loop, except where a comment says otherwise.
final class ClientConnection: LoopSettling, @unchecked Sendable {
    private enum State {
        /// Not connected; the first call connects.
        case idle
        /// Connecting; calls wait with their frames.
        case connecting
        /// Connected.
        case connected(any Channel)
        /// Closed for good.
        case closed
    }

    private let configuration: TCPClientConfiguration
    private let executor: LoopExecutor
    private let logger: Logger
    private var state = State.idle
    private var writer = JSONWriter(capacity: 4096)
    private var isUnsettled = false
    private var pending: [UInt64: PendingCall] = [:]
    /// Calls to be written when connected, in order.
    private var waiting: [PendingCall] = []
    private var timer: Scheduled<Void>?
    private var timerDeadline = NIODeadline.distantFuture
    private let lastID = Atomic<UInt64>(0)
    private let inbox = NIOLockedValueBox<[PendingCall]>([])

    init(configuration: TCPClientConfiguration, executor: LoopExecutor, logger: Logger) {
        self.configuration = configuration
        self.executor = executor
        self.logger = logger
    }

    var eventLoop: any EventLoop { executor.eventLoop }

    // MARK: Callers, on any thread

    /// Sends a call and waits for its answer; cancelling the task forgets the call.
    func perform(_ call: OutgoingCall) async throws -> Payload {
        try Task.checkCancellation()
        let pending = PendingCall(id: lastID.add(1, ordering: .relaxed).newValue, call: call)
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                pending.continuation = continuation
                submit(pending, call)
            }
        } onCancel: {
            pending.cancel()
            eventLoop.execute { self.forget(pending, CancellationError()) }
        }
    }

    private func submit(_ pending: PendingCall, _ call: OutgoingCall) {
        let isOnLoop = eventLoop.inEventLoop
        if isOnLoop, case .connected = state {
            let mark = writer.beginFrame()
            writer.write(call, id: pending.id, metadata: metadata(for: call))
            guard writer.count - mark.bodyStart <= configuration.frameLimit else {
                writer.abandonFrame(mark)
                return pending.resume(throwing: tooLarge(pending))
            }
            writer.endFrame(mark)
            guard register(pending) else { return writer.abandonFrame(mark) }
            written(pending)
            return settleSoon()
        }
        // Encoded on the caller's thread, so that the loop only copies.
        var own = JSONWriter(capacity: 1024)
        let mark = own.beginFrame()
        own.write(call, id: pending.id, metadata: metadata(for: call))
        guard own.count - mark.bodyStart <= configuration.frameLimit else {
            return pending.resume(throwing: tooLarge(pending))
        }
        own.endFrame(mark)
        pending.frame = own.bytes
        if isOnLoop { return take([pending]) }
        let isFirst = inbox.withLockedValue { inbox in
            inbox.append(pending)
            return inbox.count == 1
        }
        if isFirst { eventLoop.execute { self.takeInbox() } }
    }

    private func tooLarge(_ pending: PendingCall) -> CallError {
        CallError(
            .invalidCall, "The message of \(pending.name) is over the frame limit of \(configuration.frameLimit) bytes."
        )
    }

    private func metadata(for call: OutgoingCall) -> [String: String] {
        guard configuration.sendsMetadata else { return [:] }
        var metadata = call.metadata
        let left = max(0, (call.deadline - .now()).nanoseconds / 1_000_000)
        metadata[MessageContext.timeoutKey] = String(left)
        return metadata
    }

    /// Ends everything; calls fail from then on.
    func close() {
        eventLoop.execute {
            if case .connected(let channel) = self.state { channel.close(promise: nil) }
            self.state = .closed
            self.failAll { CallError(.closed, "The client was closed.", wasWritten: $0.wasWritten) }
            self.executor.drain()
        }
    }

    // MARK: Calls, on the loop

    private func takeInbox() {
        let calls = inbox.withLockedValue { inbox in
            let calls = inbox
            inbox = []
            return calls
        }
        take(calls)
        // Settles now: the calls are a burst.
        executor.drain()
    }

    private func take(_ calls: [PendingCall]) {
        for call in calls where register(call) {
            switch state {
            case .connected: write(call)
            case .connecting: waiting.append(call)
            case .idle:
                waiting.append(call)
                connect()
            case .closed: forget(call, CallError(.closed, "The client was closed."))
            }
        }
    }

    /// Enters a call in the table; false when it ended before it began.
    private func register(_ call: PendingCall) -> Bool {
        if call.isCancelled {
            call.resume(throwing: CancellationError())
            return false
        }
        if pending.count >= configuration.maximumPendingCalls {
            call.resume(
                throwing: CallError(.tooManyCalls, "\(pending.count) calls to \(configuration.address) are under way."))
            return false
        }
        pending[call.id] = call
        if call.deadline < timerDeadline { arm(call.deadline) }
        return true
    }

    private func write(_ call: PendingCall) {
        guard let frame = call.frame else { return }
        call.frame = nil
        frame.withUnsafeBytes { writer.verbatim($0) }
        settleSoon()
        written(call)
    }

    private func written(_ call: PendingCall) {
        call.wasWritten = true
        if !call.expectsReply {
            pending[call.id] = nil
            call.resume(returning: .absent)
        }
    }

    private func settleSoon() {
        if isUnsettled { return }
        isUnsettled = true
        executor.settleLater(self)
    }

    func settle() {
        isUnsettled = false
        guard case .connected(let channel) = state, writer.count > 0 else { return }
        let bytes = writer.withUnsafeBytes { channel.allocator.buffer(bytes: $0) }
        writer.reset()
        channel.writeAndFlush(bytes, promise: nil)
    }

    private func forget(_ call: PendingCall, _ error: any Error) {
        guard pending.removeValue(forKey: call.id) != nil else { return }
        call.frame = nil
        call.resume(throwing: error)
    }

    private func failAll(_ error: (PendingCall) -> CallError) {
        let calls = pending.values
        pending = [:]
        waiting = []
        timer?.cancel()
        timer = nil
        timerDeadline = .distantFuture
        for call in calls { call.resume(throwing: error(call)) }
    }

    // MARK: Time, on the loop

    private func arm(_ deadline: NIODeadline) {
        timer?.cancel()
        timerDeadline = deadline
        timer = eventLoop.scheduleTask(deadline: deadline) { self.timePassed() }
    }

    /// One timer for all calls: deadlines mostly come in the order of the calls, so it seldom looks in vain.
    private func timePassed() {
        timerDeadline = .distantFuture
        let now = NIODeadline.now()
        var next = NIODeadline.distantFuture
        var late: [PendingCall] = []
        for call in pending.values {
            if call.deadline <= now { late.append(call) } else { next = min(next, call.deadline) }
        }
        for call in late {
            pending[call.id] = nil
            call.frame = nil
            call.resume(
                throwing: CallError(
                    .timeout, "No reply from \(configuration.address) to \(call.name) in time.",
                    wasWritten: call.wasWritten))
        }
        // Not more often than every 5 ms, however many deadlines there are.
        if next != .distantFuture { arm(max(next, now + .milliseconds(5))) }
        executor.drain()
    }

    // MARK: The channel, on the loop

    private func connect() {
        state = .connecting
        let decoderLimit = configuration.frameLimit
        ClientBootstrap(group: eventLoop)
            .connectTimeout(TimeAmount(configuration.connectTimeout))
            .channelOption(.socketOption(.tcp_nodelay), value: 1)
            .channelOption(.maxMessagesPerRead, value: 4)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(
                        ClientChannelHandler(connection: self, frameLimit: decoderLimit))
                }
            }
            .connect(host: configuration.host, port: configuration.port)
            .whenComplete { result in
                switch result {
                case .success(let channel): self.connected(channel)
                case .failure(let error): self.connectingFailed(error)
                }
            }
    }

    private func connected(_ channel: any Channel) {
        guard case .connecting = state else {
            channel.close(promise: nil)
            return
        }
        // Its peer may be gone already; `channelInactive` came before this then.
        guard channel.isActive else { return connectingFailed(ChannelError.eof) }
        state = .connected(channel)
        logger.debug("connected", metadata: ["address": "\(configuration.address)"])
        let calls = waiting
        waiting = []
        // Calls cancelled or late while waiting have lost their frames.
        for call in calls where pending[call.id] === call { write(call) }
        executor.drain()
    }

    private func connectingFailed(_ error: any Error) {
        guard case .connecting = state else { return }
        state = .idle
        let cause = "\(error)"
        let address = configuration.address
        failAll { _ in CallError(.cannotConnect, "Cannot connect to \(address).", cause: cause) }
        executor.drain()
    }

    func received(_ body: ByteBuffer) throws(FramingError) {
        let scan = try PacketScan(body)
        guard scan.isObject, scan.id.isPresent, let id = body.withBytes(of: scan.id, Self.callID),
            let call = pending[id]
        else { return }  // Late, or never ours.
        switch ReplyPacket(scan, in: body) {
        case .value(let range, isLast: true): finish(call, .success(Payload(body: body, range: range)))
        case .value(let range, isLast: false): call.value = Payload(body: body, range: range)
        case .end: finish(call, .success(call.value))
        case .failure(let range): finish(call, .failure(Self.failure(range, in: body, of: call)))
        case .foreign:
            finish(call, .success(Payload(body: body, range: ByteRange(start: 0, count: body.readableBytes))))
        }
    }

    private func finish(_ call: PendingCall, _ result: Result<Payload, any Error>) {
        pending[call.id] = nil
        call.resume(with: result)
    }

    static func failure(_ range: ByteRange, in body: ByteBuffer, of call: PendingCall) -> any Error {
        ReplyFailure.error(range, in: body, name: call.name)
    }

    /// The number in `"123"`, as this client writes its ids.
    static func callID(_ json: UnsafeRawBufferPointer) -> UInt64? {
        guard json.count > 2, json.count < 22, json[0] == UInt8(ascii: "\"") else { return nil }
        var id: UInt64 = 0
        for byte in json[1..<(json.count - 1)] {
            guard byte &- 48 < 10 else { return nil }
            id = id &* 10 &+ UInt64(byte &- 48)
        }
        return id
    }

    func beginBurst() { executor.beginBurst() }
    func endBurst() { executor.drain() }

    /// The channel ended.
    func lost(_ reason: String) {
        // A channel may be lost in the middle of a burst, or before anybody knew that it was there.
        guard case .connected = state else { return executor.drain() }
        state = .idle
        writer.reset()
        let address = configuration.address
        failAll { call in
            CallError(
                .connectionLost, "The connection to \(address) was lost.", wasWritten: call.wasWritten, cause: reason)
        }
        executor.drain()
    }
}

/// What stands at `err`, as an error.
enum ReplyFailure {
    static func error(_ range: ByteRange, in body: ByteBuffer, name: String) -> any Error {
        let payload = (try? body.value(of: range)) ?? JSONValue.null
        if payload.stringValue == "There is no matching message handler defined in the remote service." {
            return CallError(.noHandler, "The service has no handler for \(name).", wasWritten: true)
        }
        return RemoteError(payload: payload)
    }
}

extension JSONWriter {
    /// Writes a request's or an event's packet.
    mutating func write(_ call: OutgoingCall, id: UInt64, metadata: [String: String]) {
        let isEvent = call.command.kind == .event
        call.command.pattern.withBytes(isEvent: isEvent) { beginPacket(pattern: $0) }
        quotedKey("\"data\":")
        call.payload.encodeJSON(to: &self)
        packetMetadata(metadata)
        if isEvent { endObject() } else { endRequest(id: id) }
    }
}

/// Cuts the frames of one channel, and says when it ends. Confined to the channel's event loop.
private final class ClientChannelHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let connection: ClientConnection
    private var decoder: FrameDecoder
    private var reason = "closed by the peer"
    private var isBroken = false

    init(connection: ClientConnection, frameLimit: Int) {
        self.connection = connection
        decoder = FrameDecoder(frameLimit: frameLimit)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if isBroken { return }
        connection.beginBurst()
        decoder.append(unwrapInboundIn(data))
        do {
            while let body = try decoder.next() { try connection.received(body) }
        } catch {
            isBroken = true
            reason = "\(error)"
            context.close(promise: nil)
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        connection.endBurst()
    }

    func channelInactive(context: ChannelHandlerContext) {
        connection.lost(reason)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        reason = "\(error)"
        context.close(promise: nil)
    }
}

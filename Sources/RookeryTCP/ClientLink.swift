import Logging
import NIOCore
import NIOPosix
import RookeryCore
import RookeryWire

/// One connection to a server, from the attempt to connect to its end, and the calls that are under way on it.
///
/// Confined to its event loop.
final class ClientLink: ChannelInboundHandler, LoopSettling, @unchecked Sendable {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// From `connecting` to `open`; to `leaving` when the server asked to be left; to `closed` from each.
    private enum State {
        /// Calls wait.
        case connecting
        /// Calls are written as they come.
        case open
        /// Takes no new calls; closes when those under way are answered.
        case leaving
        /// Gone.
        case closed
    }

    private enum Agreement {
        /// The hello has not been answered: what is sent is text.
        case unknown
        /// A plain peer: text.
        case plain
        /// Binary frames.
        case binary(Negotiated)
    }

    private let owner: ClientConnection
    private let executor: LoopExecutor
    private let configuration: TCPClientConfiguration
    private var state = State.connecting
    private var agreement = Agreement.unknown
    private var lateHello: UInt64?
    private var waitingForAgreement: [(Result<Bool, any Error>) -> Void] = []
    private var context: ChannelHandlerContext?
    private var decoder: FrameDecoder
    private var writer = ValueWriter(capacity: 4096)
    private var isUnsettled = false
    private var isEnding = false
    private var pending = PendingTable<PendingCall>()
    /// Calls to be written when connected, in order.
    private var waiting: [PendingCall] = []
    private var timer: Scheduled<Void>?
    private var timerDeadline = NIODeadline.distantFuture
    private var reason = "closed by the peer"

    init(_ owner: ClientConnection) {
        self.owner = owner
        executor = owner.executor
        configuration = owner.configuration
        decoder = FrameDecoder(frameLimit: configuration.frameLimit)
        if !configuration.negotiates { agreement = .plain }
    }

    private var address: String { configuration.address }

    // MARK: Calls

    /// Enters a call and writes it, now or when connected.
    func send(_ call: PendingCall) {
        if call.isCancelled { return call.resume(throwing: CancellationError()) }
        if pending.count >= configuration.maximumPendingCalls, !call.isHello {
            return call.resume(
                throwing: CallError(.tooManyCalls, "\(pending.count) calls to \(address) are under way."))
        }
        if isClogged {
            return call.resume(
                throwing: CallError(
                    .tooManyCalls, "\(address) does not take what was sent: over \(Self.unsentLimit) bytes wait."))
        }
        call.link = self
        call.id = pending.insert(call)
        if call.deadline < timerDeadline { arm(call.deadline) }
        if case .connecting = state { waiting.append(call) } else { write(call) }
    }

    /// Bytes that the connection has not taken, above which nothing more is sent on it: 16 MiB.
    private static let unsentLimit = 16 * 1024 * 1024

    private var isClogged: Bool {
        guard let channel = context?.channel, !channel.isWritable else { return false }
        return channel.unsentBytes > Self.unsentLimit
    }

    private func write(_ call: PendingCall) {
        do {
            try encode(call)
        } catch {
            return forget(call, error)
        }
        call.encoded = nil
        call.wasWritten = true
        settleSoon()
        if case .event = call.kind {
            remove(call)
            call.resume(returning: .absent)
        }
    }

    private func encode(_ pending: PendingCall) throws {
        guard let call = pending.call else {
            if case .binary = agreement { return tell(.ping, pending.id) }
            return writeHello(pending)
        }
        if case .binary(let negotiated) = agreement, let number = negotiated.patterns[call.command.pattern.route] {
            return try encode(pending, call, negotiated, number)
        }
        // Binary or not, a pattern that the server did not name goes as text, and is answered so.
        let mark = writer.beginFrame()
        let encoded = pending.encoded.flatMap { $0.serializer == ValueFormat.json.name ? $0.bytes : nil }
        writer.write(call, id: pending.id, metadata: metadata(for: call), encoded: encoded)
        guard writer.count - mark.bodyStart <= configuration.frameLimit else {
            writer.abandonFrame(mark)
            throw tooLarge(pending, configuration.frameLimit)
        }
        writer.endFrame(mark)
    }

    private func encode(
        _ pending: PendingCall, _ call: OutgoingCall, _ negotiated: Negotiated, _ pattern: UInt16
    ) throws {
        var header = BinaryHeader(call.command.kind == .event ? .event : .request, id: pending.id)
        header.pattern = pattern
        header.serializer = negotiated.number(
            of: pending.encoded?.serializer ?? configuration.serializers.name(for: call.command))
        if call.command.kind == .request { header.amount = milliseconds(left: call.deadline) }
        let start = writer.beginBinaryFrame()
        if !call.metadata.isEmpty { header.metadataLength = writer.binaryMetadata(call.metadata) }
        let payloadStart = writer.count
        do {
            let codec = try negotiated.codec(header.serializer)
            if let encoded = pending.encoded, negotiated.reply.serializers[Int(header.serializer)] == encoded.serializer
            {
                encoded.bytes.withUnsafeBytes { writer.append($0) }
            } else {
                try writer.payload(call.payload, codec)
            }
        } catch {
            writer.abandonBinaryFrame(start)
            throw CallError(.invalidCall, "The message of \(pending.name) cannot be written: \(error)")
        }
        // The limit is about what the message is, not about how well it compresses.
        let limit = min(configuration.frameLimit, negotiated.reply.frameLimit)
        guard writer.count - start - BinaryHeader.size <= limit else {
            writer.abandonBinaryFrame(start)
            throw tooLarge(pending, limit)
        }
        if negotiated.compresses, configuration.compresses, call.payload.isCompressible,
            writer.compress(from: payloadStart, executor.compression)
        {
            header.flags.insert(.compressed)
        }
        writer.endBinaryFrame(start, header)
    }

    private func tooLarge(_ pending: PendingCall, _ limit: Int) -> CallError {
        CallError(.invalidCall, "The message of \(pending.name) is over the frame limit of \(limit) bytes.")
    }

    /// At least 1: a deadline of 0 is none.
    private func milliseconds(left deadline: NIODeadline) -> UInt32 {
        UInt32(clamping: max(1, (deadline - .now()).nanoseconds / 1_000_000))
    }

    private func metadata(for call: OutgoingCall) -> [String: String] {
        guard configuration.sendsMetadata else { return [:] }
        var metadata = call.metadata
        metadata[MessageContext.timeoutKey] = String(max(0, (call.deadline - .now()).nanoseconds / 1_000_000))
        return metadata
    }

    private func remove(_ call: PendingCall) {
        pending.remove(call.id)
        call.link = nil
        if pending.count == 0, case .leaving = state { settleSoon() }
    }

    /// The caller does not wait any longer, and the peer is told.
    func forget(_ call: PendingCall, _ error: any Error) {
        guard pending[call.id] === call else { return }
        remove(call)
        call.encoded = nil
        if case .hello = call.kind {
            // Not answered in time: a plain peer, unless its answer comes late. It would speak frames then.
            lateHello = call.id
            return helloAnswered(.failure(error))
        }
        if call.wasWritten { tell(.cancel, call.id) }
        call.resume(throwing: error)
    }

    /// More values of a stream may come.
    func grant(_ call: PendingCall, _ amount: Int) { tell(.credit, call.id, UInt32(clamping: amount)) }

    private func tell(_ kind: BinaryHeader.Kind, _ id: UInt64, _ amount: UInt32 = 0) {
        guard case .binary = agreement, context != nil else { return }
        var header = BinaryHeader(kind, id: id)
        header.amount = amount
        writer.binaryFrame(header)
        settleSoon()
    }

    private func settleSoon() {
        if isUnsettled { return }
        isUnsettled = true
        executor.settleLater(self)
    }

    func settle() {
        isUnsettled = false
        guard let context else { return }
        if writer.count > 0, state != .connecting {
            let bytes = writer.withUnsafeBytes { context.channel.allocator.buffer(bytes: $0) }
            writer.reset()
            context.writeAndFlush(wrapOutboundOut(bytes), promise: nil)
        }
        if pending.count == 0, case .leaving = state, !isEnding {
            isEnding = true
            context.channel.closeWhenWritten(within: .seconds(5))
        }
    }

    private func failAll(_ error: (PendingCall) -> CallError) {
        let calls = pending.removeAll()
        waiting = []
        timer?.cancel()
        timer = nil
        timerDeadline = .distantFuture
        for call in calls {
            call.link = nil
            call.resume(throwing: error(call))
        }
    }

    // MARK: Time

    private func arm(_ deadline: NIODeadline) {
        timer?.cancel()
        timerDeadline = deadline
        timer = executor.eventLoop.scheduleTask(deadline: deadline) { self.timePassed() }
    }

    /// A deadline has been moved to an earlier time.
    func watch(_ call: PendingCall) {
        if call.deadline < timerDeadline { arm(call.deadline) }
    }

    /// One timer for all calls: deadlines mostly come in the order of the calls, so it seldom looks in vain.
    private func timePassed() {
        timerDeadline = .distantFuture
        let now = NIODeadline.now()
        var next = NIODeadline.distantFuture
        var late: [PendingCall] = []
        pending.forEach { _, call in
            if call.deadline <= now { late.append(call) } else { next = min(next, call.deadline) }
        }
        for call in late { forget(call, timeout(call)) }
        // Not more often than every 5 ms, however many deadlines there are.
        if next != .distantFuture { arm(max(next, now + .milliseconds(5))) }
        executor.drain()
    }

    private func timeout(_ call: PendingCall) -> CallError {
        if case .stream = call.kind, let timeout = call.call?.valueTimeout {
            return CallError(
                .streamTimeout, "No value of \(call.name) from \(address) in \(timeout.milliseconds) ms.",
                wasWritten: call.wasWritten)
        }
        return CallError(
            .timeout, "No reply from \(address) to \(call.name) in time.", wasWritten: call.wasWritten)
    }

    /// Whether calls of a pattern go in binary frames.
    func hasFrames(for command: Command) -> Bool {
        if case .binary(let negotiated) = agreement { negotiated.patterns[command.pattern.route] != nil } else { false }
    }

    // MARK: The hello

    /// Says, when it is known, whether the peer takes binary frames; an error when there is no peer.
    func whenAgreed(_ body: @escaping (Result<Bool, any Error>) -> Void) {
        switch agreement {
        case .unknown: waitingForAgreement.append(body)
        case .plain: body(.success(false))
        case .binary: body(.success(true))
        }
    }

    private func writeHello(_ call: PendingCall) {
        let hello = Hello(
            // A ping asks for nothing: a server that agreed would send frames later.
            serializers: call.isHello ? configuration.serializers.names : [],
            compressions: configuration.compresses ? [Compression.name] : [])
        let mark = writer.beginFrame()
        Array("\"\(Hello.pattern)\"".utf8).withUnsafeBytes { writer.beginPacket(pattern: $0) }
        writer.verbatim(",\"data\":")
        hello.jsonValue.write(to: &writer)
        writer.endRequest(id: call.id)
        writer.endFrame(mark)
    }

    /// A hello was answered; a peer that did so in no way known here is a plain one.
    private func helloAnswered(_ result: Result<Payload, any Error>) {
        guard case .unknown = agreement else { return }
        var agreed = Agreement.plain
        if case .success(let payload) = result, let value = try? payload.value(), let reply = HelloReply(value),
            let negotiated = Negotiated(reply, configuration.serializers)
        {
            agreed = .binary(negotiated)
            decoder.acceptsBinary = true
            owner.logger.debug(
                "agreed on binary frames",
                metadata: ["address": "\(address)", "peer": "\(reply.name)", "instance": "\(reply.instance)"])
        }
        settle(agreed)
    }

    private func settle(_ agreed: Agreement) {
        agreement = agreed
        let isBinary = if case .binary = agreed { true } else { false }
        owner.agreed(isBinary)
        let bodies = waitingForAgreement
        waitingForAgreement = []
        for body in bodies { body(.success(isBinary)) }
    }

    // MARK: The channel

    func connect() {
        ClientBootstrap(group: executor.eventLoop)
            .connectTimeout(TimeAmount(configuration.connectTimeout))
            .channelOption(.socketOption(.tcp_nodelay), value: 1)
            .channelOption(.maxMessagesPerRead, value: 4)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(self) }
            }
            .connect(host: configuration.host, port: configuration.port)
            .whenFailure { self.ended(connecting: "\($0)") }
    }

    /// The client is closed.
    func close(_ code: CallError.Code) {
        guard state != .closed else { return }
        state = .closed
        failAll { CallError(code, "The client was closed.", wasWritten: $0.wasWritten) }
        settle(throwing: CallError(code, "The client was closed."))
        // What was written goes out first.
        if writer.count > 0, let context {
            let bytes = writer.withUnsafeBytes { context.channel.allocator.buffer(bytes: $0) }
            writer.reset()
            context.writeAndFlush(wrapOutboundOut(bytes), promise: nil)
        }
        context?.channel.closeWhenWritten(within: .seconds(5))
    }

    private func settle(throwing error: CallError) {
        let bodies = waitingForAgreement
        waitingForAgreement = []
        for body in bodies { body(.failure(error)) }
    }

    /// There is, or will be, no connection.
    private func ended(connecting cause: String? = nil) {
        owner.ended(self)
        guard state != .closed else { return }
        let wasConnecting = state == .connecting
        state = .closed
        writer.reset()
        let (address, reason) = (self.address, cause ?? self.reason)
        func error(_ wasWritten: Bool) -> CallError {
            wasConnecting
                ? CallError(.cannotConnect, "Cannot connect to \(address).", cause: reason)
                : CallError(
                    .connectionLost, "The connection to \(address) was lost.", wasWritten: wasWritten, cause: reason)
        }
        failAll { error($0.wasWritten) }
        settle(throwing: error(false))
        executor.drain()
    }

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    /// The context holds its handler: without this neither would ever be freed.
    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    func channelActive(context: ChannelHandlerContext) {
        guard state == .connecting else { return context.close(promise: nil) }
        state = .open
        owner.logger.debug("connected", metadata: ["address": "\(address)"])
        if case .unknown = agreement {
            let hello = PendingCall(.hello, before: .now() + TimeAmount(configuration.connectTimeout))
            send(hello)
        }
        let calls = waiting
        waiting = []
        // Calls cancelled or late while waiting are no longer under way.
        for call in calls where pending[call.id] === call { write(call) }
        executor.drain()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard state == .open || state == .leaving else { return }
        executor.beginBurst()
        decoder.append(unwrapInboundIn(data))
        do {
            while state != .closed, let frame = try decoder.nextFrame() {
                switch frame {
                case .text(let body): try received(body)
                case .binary(let header, let body): try received(header, body)
                }
            }
        } catch {
            reason = "\(error)"
            ended()
            context.close(promise: nil)
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) { executor.drain() }

    func channelInactive(context: ChannelHandlerContext) {
        self.context = nil
        ended()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        reason = "\(error)"
        context.close(promise: nil)
    }

    // MARK: Answers

    private func received(_ body: ByteBuffer) throws(FramingError) {
        let scan = try PacketScan(body)
        guard scan.isObject, scan.id.isPresent, let id = body.withBytes(of: scan.id, Self.callID) else { return }
        if id == lateHello {
            lateHello = nil
            agreement = .unknown
            return helloAnswered(.success(Payload(body: body, range: scan.response)))
        }
        guard let call = pending[id] else { return }  // Late, or never ours.
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

    private func received(_ header: BinaryHeader, _ body: ByteBuffer) throws(FramingError) {
        guard case .binary(let negotiated) = agreement else { throw .binaryNotNegotiated }
        switch header.kind {
        case .value, .error, .end:
            guard let call = pending[header.id] else { return }
            if header.kind == .end { return finish(call, .success(call.value)) }
            let payload: Payload
            do {
                payload = try FramePayload.read(
                    header, body, negotiated, executor.compression, limit: configuration.frameLimit)
            } catch let error as FramingError {
                throw error
            } catch {
                let message = "The reply of \(call.name) is not what its serializer writes: \(error)"
                return forget(call, CallError(.invalidReply, message, wasWritten: true))
            }
            if header.kind == .error {
                finish(call, .failure(ReplyFailure.error(payload, name: call.name)))
            } else {
                received(payload, isLast: header.flags.contains(.last), of: call)
            }
        case .ping: tell(.pong, header.id)
        case .pong:
            if let call = pending[header.id] { finish(call, .success(.absent)) }
        case .goAway: leave()
        // Nothing a server sends, or of a later version: passed over.
        case .request, .event, .cancel, .credit, nil: break
        }
    }

    private func received(_ payload: Payload, isLast: Bool, of call: PendingCall) {
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
        // Of a stream asked for as a request only the last value counts; the others must not hold it up.
        grant(call, 1)
    }

    private func finish(_ call: PendingCall, _ result: Result<Payload, any Error>) {
        remove(call)
        switch call.kind {
        case .hello: helloAnswered(result)
        // Whatever it says, it is an answer.
        case .ping: call.resume(returning: .absent)
        case .request, .event, .stream: call.resume(with: result)
        }
    }

    /// The server will close the connection: no new calls for it.
    private func leave() {
        guard state == .open else { return }
        state = .leaving
        owner.left(self)
        settleSoon()
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
}

extension MessageValue {
    var isCompressible: Bool { Self.allowsCompression }
}

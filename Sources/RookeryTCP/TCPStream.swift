import NIOCore
import NIOPosix
import RookeryCalls
import RookeryCore
import RookeryWire
import RookeryPolicies

/// A stream on a connection of its own. Reads only as fast as the consumer takes values. Closes the connection when the
/// consumer ends the iteration.
///
/// Confined to its channel's event loop. The sequence calls its delegate from other threads; the delegate switches to
/// the loop.
final class TCPStream: ChannelInboundHandler, @unchecked Sendable {
    typealias InboundIn = ByteBuffer
    private typealias Producer = NIOThrowingAsyncSequenceProducer<
        Payload, any Error, NIOAsyncSequenceProducerBackPressureStrategies.HighLowWatermark, TCPStream
    >

    private let call: Call
    private let instance: Instance
    private let configuration: ClientConfiguration
    private let key: ServiceKeyFile?
    private let encryption: ClientEncryption?
    private let eventLoop: any EventLoop
    private var decoder: FrameDecoder
    private var context: ChannelHandlerContext?
    private var source: Producer.Source?
    private var wantsMore = true
    private var isFinished = false
    private var silence: Scheduled<Void>?
    private var failure: (any Error)?

    private init(
        _ call: Call, at instance: Instance, configuration: ClientConfiguration, key: ServiceKeyFile?,
        encryption: ClientEncryption?, eventLoop: any EventLoop
    ) {
        self.encryption = encryption
        self.key = key
        self.instance = instance
        self.call = call
        self.configuration = configuration
        self.eventLoop = eventLoop
        // Any frame that is too long is an answer of this stream, so the decoder skips it.
        decoder = FrameDecoder(frameLimit: configuration.frameLimit, skipLimit: .max)
    }

    static func open(
        _ call: Call, at instance: Instance, configuration: ClientConfiguration, key: ServiceKeyFile?,
        encryption: ClientEncryption?, executor: LoopExecutor
    ) async throws -> MessageStream<Payload> {
        let stream = TCPStream(
            call, at: instance, configuration: configuration, key: key, encryption: encryption,
            eventLoop: executor.eventLoop)
        let producer = Producer.makeSequence(
            elementType: Payload.self, failureType: (any Error).self,
            backPressureStrategy: .init(
                lowWatermark: max(1, configuration.streamBuffer / 2), highWatermark: max(2, configuration.streamBuffer)),
            finishOnDeinit: false, delegate: stream)
        stream.source = producer.source
        do {
            _ = try await ClientBootstrap(group: executor.eventLoop)
                .connectTimeout(TimeAmount(configuration.connectTimeout))
                .channelOption(.socketOption(.tcp_nodelay), value: 1)
                .channelOption(.autoRead, value: false)
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        if let encryption {
                            let handler = try encryption.handler(for: instance.host) { fault in
                                channel.eventLoop.execute { stream.failure = fault }
                            }
                            try channel.pipeline.syncOperations.addHandler(handler)
                        }
                        try channel.pipeline.syncOperations.addHandler(stream)
                    }
                }
                .connect(host: instance.host, port: instance.port)
                .get()
        } catch {
            let failure = CallError(.cannotConnect, "Cannot connect to \(instance).", cause: "\(error)")
            producer.source.finish(failure)
            throw failure
        }
        return MessageStream(producer.sequence)
    }

    // MARK: Channel events

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    /// The context and its handler reference each other; this breaks the cycle.
    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    func channelActive(context: ChannelHandlerContext) {
        var writer = ValueWriter()
        let mark = writer.beginFrame()
        var metadata: [String: String] = [:]
        // A stream outlives its caller's deadline, so the metadata carries no timeout.
        if configuration.sendsMetadata { metadata = call.sentMetadata.filter { $0.key != MetadataName.timeout } }
        metadata[MetadataName.apiKey] = configuration.sendsKey ? key?.key.text : nil
        writer.write(call, id: 1, metadata: metadata)
        writer.endFrame(mark)
        let bytes = writer.withUnsafeBytes { context.channel.allocator.buffer(bytes: $0) }
        context.writeAndFlush(NIOAny(bytes), promise: nil)
        read(context)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if isFinished { return }
        decoder.append(unwrapInboundIn(data))
        do {
            while !isFinished, let frame = try decoder.nextFrame() {
                switch frame {
                case .text(let body): try received(body)
                case .skipped: finish(RemoteError.replyTooLarge(limit: configuration.frameLimit))
                // The decoder returns no binary frames, because none were agreed on.
                case .binary: break
                }
            }
        } catch {
            finish(
                CallError(
                    .connectionLost, "The stream from \(instance) broke.", wasWritten: true,
                    cause: "\(error)"))
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        if wantsMore, !isFinished { read(context) }
    }

    func channelInactive(context: ChannelHandlerContext) {
        finish(
            CallError(
                .connectionLost, "The connection to \(instance) was lost.", wasWritten: true,
                cause: failure.map { TLSFault.text($0) }))
        self.context = nil
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        failure = failure ?? error
        context.close(promise: nil)
    }

    private func read(_ context: ChannelHandlerContext) {
        awaitValue()
        context.read()
    }

    private func received(_ body: ByteBuffer) throws(FramingError) {
        let scan = try PacketScan(body)
        guard scan.isObject, scan.id.isPresent, body.withBytes(of: scan.id, ClientLink.callID) == 1 else {
            return
        }
        switch ReplyPacket(scan, in: body) {
        case .value(let range, let isLast):
            yield(Payload(body: body, range: range))
            if isLast { finish(nil) }
        case .end: finish(nil)
        case .failure(let range):
            finish(ReplyFailure.error(Payload(body: body, range: range), name: call.command.name))
        case .foreign:
            yield(Payload(body: body, range: ByteRange(start: 0, count: body.readableBytes)))
            finish(nil)
        }
    }

    private func yield(_ payload: Payload) {
        silence?.cancel()
        silence = nil
        switch source?.yield(payload) {
        case .stopProducing: wantsMore = false
        // The consumer may have made room since; the sequence does not call the delegate then.
        case .produceMore: wantsMore = true
        case .dropped, nil: break
        }
    }

    /// Starts the timer for the next value. The timer runs only while the stream reads: a busy consumer is not the
    /// server's fault.
    private func awaitValue() {
        guard silence == nil, let context else { return }
        silence = context.eventLoop.assumeIsolated().scheduleTask(in: TimeAmount(call.silenceLimit)) {
            let allowed = self.call.silenceLimit.milliseconds
            self.finish(
                CallError(
                    .streamTimeout,
                    "No value of \(self.call.command.name) from \(self.instance) in \(allowed) ms.",
                    wasWritten: true))
        }
    }

    private func finish(_ error: (any Error)?) {
        if isFinished { return }
        isFinished = true
        silence?.cancel()
        if let error { source?.finish(error) } else { source?.finish() }
        source = nil
        context?.channel.closeAndRead()
    }
}

extension TCPStream: NIOAsyncSequenceProducerDelegate {
    /// Reads again, because the consumer has caught up.
    func produceMore() {
        onLoop {
            self.wantsMore = true
            if let context = self.context, !self.isFinished { self.read(context) }
        }
    }

    /// Closes the connection, because the consumer has ended the iteration or read the end.
    func didTerminate() {
        onLoop {
            self.isFinished = true
            self.silence?.cancel()
            self.source = nil
            self.context?.channel.closeAndRead()
        }
    }

    private func onLoop(_ work: @escaping @Sendable () -> Void) {
        eventLoop.execute(work)
    }
}

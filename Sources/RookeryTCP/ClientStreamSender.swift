import NIOCore
import RookeryCore
import RookeryPolicies
import RookeryWire

/// Sends the values of a client stream behind the message of its call, as the server grants credit.
///
/// Sendable, unchecked: all state is confined to the event loop of the connection. ``run()`` reads and encodes the values on any thread,
/// and touches the state in ``step(_:)`` only, which runs on the loop.
final class ClientStreamSender: @unchecked Sendable {
    /// What the sender needs to know of the connection that has written the call.
    struct Terms: Sendable {
        let negotiated: Negotiated
        let serializer: UInt8
        let compresses: Bool
        /// The most bytes of a value before it is compressed.
        let limit: Int
    }

    private let executor: LoopExecutor
    private let command: Command
    private let stream: ClientStream
    private let silenceLimit: TimeAmount
    private var terms: Terms?
    /// The call, from when the link has written it until it ends.
    private var call: PendingCall?
    private var credit = CreditWindow()
    private var hasEnded = false
    /// Whether a value is ready that cannot be sent yet.
    private var hasValue = false
    private var isCancelled = false
    /// What ``run()`` waits for. Returns true once it has resumed that.
    private var waiting: (() -> Bool)?

    init(_ call: Call, _ stream: ClientStream, _ executor: LoopExecutor) {
        command = call.command
        silenceLimit = TimeAmount(call.silenceLimit)
        self.stream = stream
        self.executor = executor
    }

    // MARK: The caller's side

    /// Sends all values, then the end. Fails the call if the sequence throws or a value cannot be sent.
    ///
    /// Returns when the end is sent, and when the task is cancelled, because the call is over.
    func run() async {
        // The caller may be on an event loop, which has better things to do than to encode and to compress.
        await withTaskExecutorPreference(globalConcurrentExecutor) { await sendAll() }
    }

    @concurrent private func sendAll() async {
        do {
            let (terms, values) = try await step { sender in
                try sender.terms.map { ($0, try sender.stream.begin(sender.command)) }
            }
            let compression = Compression()
            for try await value in values {
                let frame = try frame(value, terms, compression)
                try await step { $0.write(frame) ? () : nil }
            }
            try await step { $0.end() }
        } catch {
            // The end of the call cancels this task, and has said why. A step fails only when the task is cancelled.
            if !Task.isCancelled { try? await step { $0.fail(error) } }
        }
    }

    /// A value, as the bytes behind its header.
    private struct Frame: Sendable {
        let bytes: [UInt8]
        let flags: BinaryHeader.Flags
    }

    private func frame(_ value: MessageBody, _ terms: Terms, _ compression: Compression) throws -> Frame {
        var writer = ValueWriter(capacity: 1024)
        do {
            try writer.payload(value, try terms.negotiated.codec(terms.serializer))
        } catch {
            throw CallError(.invalidCall, "A value of \(command.name) cannot be encoded: \(error)", wasWritten: true)
        }
        guard writer.count <= terms.limit else {
            throw CallError(
                .invalidCall, "A value of \(command.name) is over the frame limit of \(terms.limit) bytes.",
                wasWritten: true)
        }
        let isSmaller = terms.compresses && value.allowsCompression && writer.compress(from: 0, compression)
        return Frame(bytes: writer.bytes, flags: isSmaller ? .compressed : [])
    }

    /// Calls `body` on the loop, now and whenever something has changed, until it returns a result.
    private func step<Result: Sendable>(
        _ body: @escaping @Sendable (ClientStreamSender) throws -> Result?
    ) async throws -> Result {
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Result, any Error>) in
                executor.eventLoop.execute {
                    self.waiting = {
                        do {
                            if self.isCancelled { throw CancellationError() }
                            guard let result = try body(self) else { return false }
                            continuation.resume(returning: result)
                        } catch {
                            continuation.resume(throwing: error)
                        }
                        return true
                    }
                    self.progress()
                    self.executor.drain()
                }
            }
        } onCancel: {
            executor.eventLoop.execute {
                self.isCancelled = true
                self.progress()
                self.executor.drain()
            }
        }
    }

    // MARK: On the loop

    /// Tries again what ``run()`` waits for.
    func progress() {
        if waiting?() == true { waiting = nil }
    }

    /// Notes that the link has written the call, so that values may follow.
    func written(_ call: PendingCall, _ terms: Terms) {
        self.call = call
        self.terms = terms
        watch()
        progress()
    }

    /// Notes that the call is over. The caller then cancels ``run()``.
    func ended() {
        call = nil
        terms = nil
    }

    /// Adds credit from the server. Ignores an amount of 0, and credit after the end, so that neither extends the deadline.
    func granted(_ amount: Int) {
        if amount <= 0 || hasEnded { return }
        credit.granted(amount)
        watch()
        progress()
    }

    /// Whether it is the client's turn: the server has granted credit, and no value is ready.
    var isAwaited: Bool { !hasEnded && !hasValue && credit.available > 0 }

    /// Limits how long the server may take no values, or give no reply behind the last one. A producer that takes its time is
    /// not the server's fault: pings find out whether that still lives.
    private func watch() {
        guard let call, let link = call.link else { return }
        if case .stream(let stream) = call.kind { return stream.expectMore() }
        call.deadline = isAwaited ? .distantFuture : .now() + silenceLimit
        link.watch(call)
    }

    /// Returns false without credit, and while the connection has no room.
    private func write(_ frame: Frame) -> Bool {
        guard let call, let link = call.link, let terms else { return false }
        guard credit.available > 0, link.hasRoom(for: self) else {
            if !hasValue {
                hasValue = true
                watch()
            }
            return false
        }
        _ = credit.take()
        link.write(frame.bytes, BinaryHeader(.value, id: call.id, terms.serializer, frame.flags))
        if hasValue || credit.available == 0 {
            hasValue = false
            watch()
        }
        return true
    }

    private func end() {
        guard let call, let link = call.link else { return }
        hasEnded = true
        link.tell(.end, call.id)
        watch()
    }

    private func fail(_ error: any Error) {
        guard let call, let link = call.link else { return }
        if case .stream = call.kind { return link.forget(call, error) }
        link.forget(call, ClientStreamFailed(error))
    }
}

extension ClientLink {
    /// Whether the connection takes more bytes. If it does not, `sender` is told when it does.
    func hasRoom(for sender: ClientStreamSender) -> Bool {
        guard let channel = context?.channel else { return false }
        if channel.isWritable { return true }
        waitingForRoom[ObjectIdentifier(sender)] = sender
        return false
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable, !waitingForRoom.isEmpty {
            let senders = waitingForRoom
            waitingForRoom = [:]
            for sender in senders.values { sender.progress() }
            executor.drain()
        }
        context.fireChannelWritabilityChanged()
    }

    func write(_ payload: [UInt8], _ header: BinaryHeader) {
        let start = writer.beginBinaryFrame()
        payload.withUnsafeBytes { writer.append($0) }
        writer.endBinaryFrame(start, header)
        settleSoon()
    }

    /// Whether the server takes client streams.
    var takesClientStreams: Bool {
        if case .binary(let negotiated) = agreement { negotiated.takesClientStreams } else { false }
    }

    /// Has values follow a call that is written, if it has a client stream.
    func sendClientStream(of call: PendingCall) {
        guard let sender = call.sender, let command = call.call?.command, case .binary(let negotiated) = agreement
        else {
            return
        }
        sender.written(
            call,
            ClientStreamSender.Terms(
                negotiated: negotiated, serializer: negotiated.number(of: configuration.serializers.name(for: command)),
                compresses: negotiated.compresses && configuration.compresses,
                limit: min(configuration.frameLimit, negotiated.reply.frameLimit)))
    }
}

extension CallError {
    /// The error of a call with a client stream to a server that takes none.
    static func noClientStream(_ command: Command, _ server: String) -> CallError {
        var error = CallError(
            .invalidCall,
            "\(command.name) needs a client stream, and \(server) takes none: only Rookery servers of this version or later do."
        )
        error.isOfPeer = true
        return error
    }

    /// The error of a call with a client stream to a Rookery server that does not have its pattern.
    static func noHandler(_ command: Command, _ server: String) -> CallError {
        CallError(.noHandler, "\(server) has no handler for \(command.name).")
    }
}

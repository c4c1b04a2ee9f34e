import Logging
import NIOCore
import RookeryCore
import RookeryCalls
import RookeryPolicies
import RookeryWire
import Synchronization
import Tracing

/// One message at a server, and the way back to its sender. Confined to its connection's event loop.
final class ServerRequest: ReplySink, MessageContextSource, @unchecked Sendable {
    /// Where the answer goes.
    enum Sender {
        /// Nowhere: the message is an event.
        case event
        /// To the id at this range of the packet, in a text frame.
        case text(ByteRange)
        /// To this id, in binary frames, encoded with the serializer of this number.
        case binary(UInt64, serializer: UInt8)
    }

    private let connection: ServerConnection
    let entry: Router.Entry
    /// The payload. The body of a text message's payload is the whole packet, which also contains the id.
    let payload: Payload
    private var body: ByteBuffer { payload.body }
    let metadata: [String: String]
    /// Bytes that the message holds in memory.
    let size: Int
    let deadline: NIODeadline?
    /// The values that the client sends behind the message; nil if it sends none.
    let receiver: ClientStreamReceiver?
    /// When the burst began in which the message came.
    let cameAt: NIODeadline
    /// The burst in which the message came. A handler that returns in the same burst has not suspended.
    let burst: UInt64
    let sender: Sender
    private var isAnswered = false
    /// Whether the caller no longer waits for the answer.
    private(set) var isAbandoned = false
    /// The permit of the command's gate, and when the request got it; nil without a permit.
    var permit: (permit: LoadGate.Permit, since: NIODeadline)?
    /// Whether its handler has been called.
    var hasBegun = false
    /// Whether its handler threw or was cancelled.
    var hasFailed: Bool { outcome != .success }
    /// How its handler ended.
    private(set) var outcome = CallOutcome.success
    /// The turn for which the request waits, and when its patience ends.
    var turn: (turn: Turn, until: NIODeadline)?
    /// Whether its answer waits for room or for compression.
    var isPostponed = false
    private(set) var hasReturned = false
    /// The message's context. It is made on first use, on any thread, and stays the same while the handler runs.
    private let surroundings = Mutex<MessageContext?>(nil)
    /// The JSON text of a stream's value that is held back, because the stream may end in the same burst.
    private var held: [UInt8]?
    private var credit = CreditWindow()
    private var takesCredit = false
    private var waitingForCredit: CheckedContinuation<Void, Never>?

    init(
        _ connection: ServerConnection, _ entry: Router.Entry, payload: Payload,
        metadata: [String: String], deadline: NIODeadline?, sender: Sender, receiver: ClientStreamReceiver? = nil
    ) {
        self.connection = connection
        size = payload.body.readableBytes
        self.entry = entry
        var payload = payload
        payload.fields = connection.shared.fields
        payload.forbidsUnknown = connection.shared.configuration.forbidsUnknown || entry.command.forbidsUnknown
        if let receiver { payload.clientStream = MessageStream(unfolding: { try await receiver.next() }) }
        self.payload = payload
        self.receiver = receiver
        self.metadata = metadata
        self.deadline = deadline
        self.sender = sender
        origin = connection.origin
        cameAt = connection.executor.burstBeganAt
        burst = connection.executor.burst
    }

    var peer: String { connection.peer }
    var peerAddress: String { connection.entry.peer.address }
    /// As of the moment when the message came.
    let origin: MessageOrigin
    var caller: Caller? { origin.caller }
    /// Whether values travel over time, in one direction or in both.
    var isStream: Bool { entry.command.isStreaming }
    /// Whether the command's gate limits the message: true for requests, with or without an id to answer to.
    var isShed: Bool { entry.command.kind == .request && !isStream }
    var isEvent: Bool { if case .event = sender { true } else { false } }

    var messageContext: MessageContext {
        surroundings.withLock { context in
            if let context { return context }
            let made = MessageContext(
                pattern: entry.pattern, metadata: metadata, peer: connection.peer, caller: caller,
                deadline: deadline.map { Deadline($0) })
            if hasReturned { made.end() }
            context = made
            return made
        }
    }

    /// Ends the message's context, because its handler has returned. Work that outlives the handler has no deadline
    /// from it. On the loop.
    func handlerReturned() {
        surroundings.withLock { context in
            hasReturned = true
            context?.end()
        }
    }

    /// Where its handler sends answers.
    var sink: any ReplySink { isEvent ? DiscardingSink.shared : self }
    /// Whether the handler `entry.body` runs alone: no interceptor, no second handler.
    var isPlain: Bool { entry.isPlain }

    /// Runs the interceptors and handlers.
    func runPipeline() async throws {
        try await connection.shared.router.run(entry, payload, sink, context: self)
    }

    /// Answers with the error of the handler, and logs it if it is a fault.
    func failed(_ error: any Error) {
        outcome = CallOutcome(error, of: entry.command)
        if error is CancellationError, connection.isCancelling(self) {
            // The connection closed, the caller no longer waits, or the server is stopping.
            return fail(.shuttingDown)
        }
        if !(error is RemoteError) || isEvent {
            // A `RemoteError` is an answer of the handler. Any other error is a fault, and its text stays in the log.
            log(error is InvalidPayload ? .info : .error, "a handler failed", error)
        } else if entry.command.isUndeclared(error) {
            log(.error, "a handler threw an error that its contract does not declare", error)
        }
        fail(RemoteError(answering: error))
    }

    private func log(_ level: Logger.Level, _ message: Logger.Message, _ error: any Error) {
        var metadata: Logger.Metadata = ["pattern": "\(entry.pattern)", "error": "\(String(reflecting: error))"]
        if !self.metadata.isEmpty { metadata["trace"] = ServiceContext.carrying(self.metadata).traceID.map { "\($0)" } }
        connection.shared.log(connection.entry.peer, level, message, metadata)
    }

    /// Handlers run on the loop by their executor preference. Calls from other threads switch to the loop here.
    private func onLoop(_ work: @escaping @Sendable () -> Void) {
        if connection.executor.eventLoop.inEventLoop { return work() }
        connection.executor.eventLoop.execute(work)
    }

    private func fail(_ error: RemoteError) {
        onLoop {
            self.release()
            if self.isAnswered { return }
            self.isAnswered = true
            self.sendError(error)
        }
    }

    /// Answers with an error. On the loop.
    private func sendError(_ error: RemoteError) {
        switch sender {
        case .event: break
        case .text(let id): connection.write { $0.errorReply(error, id: body, id) }
        case .binary(let id, let serializer):
            connection.write(error.payload, .init(.error, id: id, serializer))
        }
    }

    /// Refuses the message: its caller gets the error, and its handler does not run. On the loop.
    func refuse(_ error: RemoteError) {
        if !isAnswered { sendError(error) }
        abandon()
    }

    /// Ends the message at its deadline. The caller gets an error, and the handler's answer is not sent. On the loop.
    func expire() {
        release()
        if !isAnswered { sendError(.late) }
        abandon()
    }

    /// Notes that the caller no longer waits; the handler's answer is not sent. On the loop.
    func abandon() {
        isAbandoned = true
        isAnswered = true
    }

    // MARK: Reply sink

    func reply<Value: MessageValue>(_ value: Value) {
        guard let cipher = connection.shared.sealingFields else { return replyAsIs(value) }
        replyAsIs(FieldSealed(value, cipher))
    }

    private func replyAsIs<Value: MessageValue>(_ value: Value) {
        guard connection.executor.eventLoop.inEventLoop else {
            return connection.executor.eventLoop.execute { self.replyOnLoop(value) }
        }
        replyOnLoop(value)
    }

    private func replyOnLoop<Value: MessageValue>(_ value: Value) {
        if isAnswered { return }
        isAnswered = true
        // A value that the peer cannot take yet stays unencoded: otherwise its bytes would use memory, too.
        connection.writeWhenRoom(self) { self.write(value) }
    }

    private func write<Value: MessageValue>(_ value: Value) {
        switch sender {
        case .event: break
        case .text(let id): writeText(id, isLast: true) { value._encode(to: &$0) }
        case .binary(let id, let serializer):
            connection.write(value, .init(.value, id: id, serializer, .last), of: self)
        }
    }

    /// Writes a text answer. If it is over the peer's limit, writes an error and returns false.
    @discardableResult
    private func writeText(_ id: ByteRange, isLast: Bool, _ value: (inout ValueWriter) -> Void) -> Bool {
        let isWithin = connection.write(limit: connection.peerFrameLimit) { writer in
            writer.verbatim("{\"response\":")
            value(&writer)
            body.withBytes(of: id) { writer.endReply(id: $0, isLast: isLast) }
        }
        if isWithin { return true }
        isAnswered = true
        sendError(.replyTooLarge(limit: connection.peerFrameLimit))
        return false
    }

    func end() {
        onLoop {
            if self.isAnswered { return }
            self.release()
            self.isAnswered = true
            switch self.sender {
            case .event: break
            case .text(let id):
                self.connection.write { writer in self.body.withBytes(of: id) { writer.emptyReply(id: $0) } }
            case .binary(let id, _): self.connection.write(BinaryHeader(.end, id: id))
            }
        }
    }

    func value<Value: MessageValue>(_ value: Value) async throws {
        guard let cipher = connection.shared.sealingFields else { return try await valueAsIs(value) }
        try await valueAsIs(FieldSealed(value, cipher))
    }

    private func valueAsIs<Value: MessageValue>(_ value: Value) async throws {
        if connection.executor.eventLoop.inEventLoop { return try await send(value) }
        // An actor's handler calls from the actor. A `.concurrent` handler calls from the global pool, which it
        // prefers.
        try await withTaskExecutorPreference(connection.executor) { try await sendOnLoop(value) }
    }

    /// `@concurrent` runs on the task's preferred executor, which is the loop's.
    @concurrent private func sendOnLoop<Value: MessageValue>(_ value: Value) async throws { try await send(value) }

    private func send<Value: MessageValue>(_ value: Value) async throws {
        try Task.checkCancellation()
        switch sender {
        case .event: return
        case .text:
            let text = value.bytes(as: .json)
            release()
            if isAnswered { throw RemoteError.replyTooLarge(limit: connection.peerFrameLimit) }
            held = text
            connection.hold(self)
        case .binary(let id, let serializer):
            if !takesCredit {
                // Registers before the first value, because the caller may grant more credit as soon as it has that
                // value.
                takesCredit = true
                connection.takesCredit(self, id)
            }
            while !credit.take() { try await moreCredit() }
            guard try await connection.writeValue(value, BinaryHeader(.value, id: id, serializer)) else {
                isAnswered = true
                sendError(.replyTooLarge(limit: connection.peerFrameLimit))
                throw RemoteError.replyTooLarge(limit: connection.peerFrameLimit)
            }
        }
        try await connection.waitForRoom()
    }

    func endStream() {
        onLoop {
            guard let text = self.held, case .text = self.sender else { return self.end() }
            self.held = nil
            self.isAnswered = true
            self.write(text, isLast: true)
        }
    }

    /// Sends the value that was held back. On the loop.
    func release() {
        guard let text = held else { return }
        held = nil
        write(text, isLast: false)
    }

    private func write(_ text: [UInt8], isLast: Bool) {
        guard case .text(let id) = sender else { return }
        writeText(id, isLast: isLast) { writer in text.withUnsafeBytes { writer.verbatim($0) } }
    }

    // MARK: Credit

    /// Waits until the caller grants credit. Throws `CancellationError` if the task is cancelled.
    private func moreCredit() async throws {
        await withTaskCancellationHandler {
            await withCheckedContinuation { waitingForCredit = $0 }
        } onCancel: {
            connection.executor.eventLoop.execute { self.granted(0) }
        }
        try Task.checkCancellation()
    }

    /// Adds credit from the caller and resumes the handler. On the loop.
    func granted(_ amount: Int) {
        credit.granted(amount)
        let continuation = waitingForCredit
        waitingForCredit = nil
        continuation?.resume()
    }
}

extension BinaryHeader {
    init(_ kind: Kind, id: UInt64, _ serializer: UInt8, _ flags: Flags = []) {
        self.init(kind, id: id)
        self.serializer = serializer
        self.flags = flags
    }
}

extension ValueWriter {
    mutating func errorReply(_ error: RemoteError, id body: ByteBuffer, _ range: ByteRange) {
        verbatim("{\"err\":")
        error.payload.write(to: &self)
        body.withBytes(of: range) { endReply(id: $0, isLast: true) }
    }
}

extension RemoteError {
    static let tooManyInFlight = RemoteError(
        .overloaded, "Too many messages are in flight on this connection.", details: ["retryAfterMs": 1000])

    /// The memory budgets do not allow one more message of this connection and its peer.
    static let noMemory = RemoteError(
        .overloaded, "There is no memory for this message now.", details: ["retryAfterMs": 1000])

    /// A stream was requested without an id. Its sender gets no answer, because it waits for none.
    static let noReader = RemoteError(.invalidPayload, "A stream needs an id.")

    /// The connection has reached its limit of streams.
    static let tooManyStreams = RemoteError(
        .overloaded, "Too many streams are open on this connection.", details: ["retryAfterMs": 1000])

    static func metadataTooLarge(limit: Int) -> RemoteError {
        RemoteError(
            InvalidPayload(violations: [
                Violation(path: "metadata", constraint: "bytes", message: "must have at most \(limit) bytes")
            ]))
    }

    static let late = RemoteError(.deadlineExceeded, "The time for this call is over.")

    static let shuttingDown = RemoteError(.shuttingDown, "The server is shutting down.")
}

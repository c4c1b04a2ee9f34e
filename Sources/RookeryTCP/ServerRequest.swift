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
        /// To the id that stands there in the packet, as text.
        case text(ByteRange)
        /// To the id, in binary frames, by the serializer of that number.
        case binary(UInt64, serializer: UInt8)
    }

    private let connection: ServerConnection
    let entry: Router.Entry
    /// Of a message of text, its body is the whole packet, which the id stands in too.
    let payload: Payload
    private var body: ByteBuffer { payload.body }
    let metadata: [String: String]
    /// Bytes that are kept for it.
    let size: Int
    let deadline: NIODeadline?
    /// When it came; nil when that is of no interest.
    let cameAt: NIODeadline
    /// The burst it came in: a handler that is done in the same one has not waited.
    let burst: UInt64
    let sender: Sender
    private var isAnswered = false
    /// The caller has said that it does not wait any longer.
    private(set) var isAbandoned = false
    /// When its command's gate let it in; nil without a permit.
    var permit: (permit: LoadGate.Permit, since: NIODeadline)?
    /// Its handler has been called.
    var hasBegun = false
    /// Its handler threw, or was cancelled.
    var hasFailed: Bool { outcome != .success }
    /// How its handler ended.
    private(set) var outcome = CallOutcome.success
    /// While it waits for its turn.
    var turn: (turn: Turn, until: NIODeadline)?
    /// Its answer waits until the peer has taken others.
    var isPostponed = false
    private(set) var hasReturned = false
    /// Made when it is asked for, from whatever thread, and then the same for as long as the handler runs.
    private let surroundings = Mutex<MessageContext?>(nil)
    /// The JSON text of a stream's value that has not been sent, because its end may come in the same burst.
    private var held: [UInt8]?
    private var credit = CreditWindow()
    private var takesCredit = false
    private var waitingForCredit: CheckedContinuation<Void, Never>?

    init(
        _ connection: ServerConnection, _ entry: Router.Entry, payload: Payload,
        metadata: [String: String], deadline: NIODeadline?, sender: Sender
    ) {
        self.connection = connection
        size = payload.body.readableBytes
        self.entry = entry
        self.payload = payload
        self.metadata = metadata
        self.deadline = deadline
        self.sender = sender
        cameAt = connection.executor.burstBeganAt
        burst = connection.executor.burst
    }

    var isStream: Bool { entry.command.kind == .stream }
    /// Whether it counts among what its command may have in hand at once, with or without an id to answer to.
    var isShed: Bool { entry.command.kind == .request }
    var isEvent: Bool { if case .event = sender { true } else { false } }

    var messageContext: MessageContext {
        surroundings.withLock { context in
            if let context { return context }
            let made = MessageContext(
                pattern: entry.pattern, metadata: metadata, peer: connection.peer,
                deadline: deadline.map { Deadline($0) })
            if hasReturned { made.end() }
            context = made
            return made
        }
    }

    /// Its handler has returned: what outlives it has no deadline of it. On the loop.
    func handlerReturned() {
        surroundings.withLock { context in
            hasReturned = true
            context?.end()
        }
    }

    /// Where its handler sends answers.
    var sink: any ReplySink { isEvent ? DiscardingSink.shared : self }
    /// Whether `entry.body` is all there is to run.
    var isBare: Bool { entry.isBare }

    /// Runs the interceptors and handlers.
    func runPipeline() async throws {
        try await connection.shared.router.run(entry, payload, sink, context: self)
    }

    /// Answers that the handler failed.
    func failed(_ error: any Error) {
        outcome = CallOutcome(error)
        if error is CancellationError, connection.isCancelling(self) {
            // Its connection is gone, its caller does not wait, or the server is stopping.
            return fail(.shuttingDown)
        }
        if !(error is RemoteError) || isEvent {
            // A handler's own refusal is an answer; anything else is a fault, and its text stays here.
            log(error is InvalidPayload ? .info : .error, "a handler failed", error)
        } else if entry.command.isUndeclared(error) {
            log(.error, "a handler refused with an error that its contract does not declare", error)
        }
        fail(RemoteError(answering: error))
    }

    private func log(_ level: Logger.Level, _ message: Logger.Message, _ error: any Error) {
        var metadata: Logger.Metadata = ["pattern": "\(entry.pattern)", "error": "\(String(reflecting: error))"]
        if !self.metadata.isEmpty { metadata["trace"] = ServiceContext.carrying(self.metadata).traceID.map { "\($0)" } }
        connection.shared.log(connection.entry.peer, level, message, metadata)
    }

    /// Handlers run on the loop by their executor preference; what one does elsewhere all the same is brought here.
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

    /// It is not handled, and its caller is told why. On the loop.
    func refuse(_ error: RemoteError) {
        if !isAnswered { sendError(error) }
        abandon()
    }

    /// The caller's time is over: it is told so, and the handler's answer is not sent any more. On the loop.
    func expire() {
        release()
        if !isAnswered { sendError(.late) }
        abandon()
    }

    /// The caller does not wait any longer. On the loop.
    func abandon() {
        isAbandoned = true
        isAnswered = true
    }

    // MARK: Reply sink

    func reply<Value: MessageValue>(_ value: Value) {
        guard connection.executor.eventLoop.inEventLoop else {
            return connection.executor.eventLoop.execute { self.replyOnLoop(value) }
        }
        replyOnLoop(value)
    }

    private func replyOnLoop<Value: MessageValue>(_ value: Value) {
        if isAnswered { return }
        isAnswered = true
        // What the peer does not take is not encoded yet: its own bytes would wait twice.
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

    /// Writes an answer of text; in place of one that is over the peer's limit, an error.
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
        if connection.executor.eventLoop.inEventLoop { return try await send(value) }
        // An actor's handler calls from the actor, a `.concurrent` one from the global pool, which it prefers.
        try await withTaskExecutorPreference(connection.executor) { try await sendOnLoop(value) }
    }

    /// `@concurrent` goes to the task's preferred executor, which is the loop's.
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
                // Before the first value, because a caller may grant more as soon as it has that.
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

    /// Waits until the caller takes more values, or does not wait any longer.
    private func moreCredit() async throws {
        await withTaskCancellationHandler {
            await withCheckedContinuation { waitingForCredit = $0 }
        } onCancel: {
            connection.executor.eventLoop.execute { self.granted(0) }
        }
        try Task.checkCancellation()
    }

    /// The caller takes more values. On the loop.
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

    /// There is no memory to keep one more message for this peer, because others are kept for it, or for all peers.
    static let noMemory = RemoteError(
        .overloaded, "There is no memory for this message now.", details: ["retryAfterMs": 1000])

    /// A stream that was asked for without an id: its sender is not told, because it waits for nothing.
    static let noReader = RemoteError(.invalidPayload, "A stream needs an id.")

    /// One more stream on a connection than there may be.
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

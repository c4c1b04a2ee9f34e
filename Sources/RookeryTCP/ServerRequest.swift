import Logging
import NIOCore
import RookeryCore
import RookeryWire

/// One message at a server, and the way back to its sender. Confined to its connection's event loop.
final class ServerRequest: ReplySink, MessageContextSource, @unchecked Sendable {
    /// Where the answer goes.
    enum Sender {
        /// Nowhere: the message is an event.
        case nobody
        /// To the id that stands there in the packet, as text.
        case text(ByteRange)
        /// To the id, in binary frames, by the serializer of that number.
        case binary(UInt64, serializer: UInt8)
    }

    /// Where the metadata stands in the packet; most have none.
    enum Metadata {
        case absent
        case text(ByteRange)
        case binary(ByteBuffer, count: Int)
    }

    private let connection: ServerConnection
    let entry: Router.Entry
    /// Of a message of text, its body is the whole packet, which the id and the metadata stand in too.
    let payload: Payload
    private var body: ByteBuffer { payload.body }
    private let metadata: Metadata
    let deadline: NIODeadline?
    /// When it came; nil when that is of no interest.
    let cameAt: NIODeadline
    /// The burst it came in: a handler that is done in the same one has not waited.
    let burst: UInt64
    let sender: Sender
    private var isAnswered = false
    /// The caller has said that it does not wait any longer.
    private(set) var isAbandoned = false
    /// The JSON text of a stream's value that has not been sent, because its end may come in the same burst.
    private var held: [UInt8]?
    private var credit = CreditWindow()
    private var takesCredit = false
    private var waitingForCredit: CheckedContinuation<Void, Never>?

    init(
        _ connection: ServerConnection, _ entry: Router.Entry, payload: Payload, metadata: Metadata,
        deadline: NIODeadline?, sender: Sender
    ) {
        self.connection = connection
        self.entry = entry
        self.payload = payload
        self.metadata = metadata
        self.deadline = deadline
        self.sender = sender
        cameAt = connection.executor.burstBeganAt
        burst = connection.executor.burst
    }

    var isStream: Bool { entry.command.kind == .stream }
    /// Whether it counts among what its command may have in hand at once.
    var isShed: Bool { !isStream && !isEvent }
    var isEvent: Bool { if case .nobody = sender { true } else { false } }

    var messageContext: MessageContext {
        let entries: [String: String] =
            switch metadata {
            case .absent: [:]
            case .text(let range): PacketMetadata.read(range, in: body)
            case .binary(let packet, let count):
                packet.withBytes(of: ByteRange(start: 0, count: count)) { BinaryMetadata.read($0) } ?? [:]
            }
        return MessageContext(
            pattern: entry.command.pattern, metadata: entries, peer: connection.peer, deadline: deadline)
    }

    /// Where its handler sends answers.
    var sink: any ReplySink { isEvent ? DiscardingSink.shared : self }
    /// Whether `entry.body` is all there is to run.
    var isBare: Bool { connection.shared.pipeline.isBare(entry) }

    /// Runs the interceptors and handlers.
    func runPipeline() async throws {
        try await connection.shared.pipeline.run(entry, payload, sink, context: self)
    }

    /// Answers that the handler failed.
    func failed(_ error: any Error) {
        if error is CancellationError {
            // Its connection is gone, its caller does not wait, or the server is stopping.
            return fail(.shuttingDown)
        }
        if !(error is RemoteError) || isEvent {
            // A handler's own refusal is an answer; anything else is a fault, and its text stays here.
            let level: Logger.Level = error is InvalidPayload ? .info : .error
            connection.shared.logger.log(
                level: level, "a handler failed",
                metadata: ["pattern": "\(entry.command.pattern)", "error": "\(String(reflecting: error))"])
        }
        fail(RemoteError(answering: error))
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
        case .nobody: break
        case .text(let id): connection.write { $0.errorReply(error, id: body, id) }
        case .binary(let id, let serializer):
            connection.write(error.payload, .init(.error, id: id, serializer))
        }
    }

    /// The caller's time is over: it is told so, and the handler has nobody to answer any more. On the loop.
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
        switch sender {
        case .nobody: break
        case .text(let id):
            connection.write { writer in
                writer.verbatim("{\"response\":")
                value.encode(to: &writer)
                body.withBytes(of: id) { writer.endReply(id: $0, isLast: true) }
            }
        case .binary(let id, let serializer):
            connection.write(value, .init(.value, id: id, serializer, .last))
        }
    }

    func end() {
        onLoop {
            if self.isAnswered { return }
            self.release()
            self.isAnswered = true
            switch self.sender {
            case .nobody: break
            case .text(let id):
                self.connection.write { writer in self.body.withBytes(of: id) { writer.emptyReply(id: $0) } }
            case .binary(let id, _): self.connection.write(BinaryHeader(.end, id: id))
            }
        }
    }

    func value<Value: MessageValue>(_ value: Value) async throws {
        // An actor's handler calls from the actor.
        guard connection.executor.eventLoop.inEventLoop else { return try await valueOnLoop(value) }
        try await send(value)
    }

    /// `@concurrent` goes to the task's preferred executor, which is the loop's.
    @concurrent private func valueOnLoop<Value: MessageValue>(_ value: Value) async throws { try await send(value) }

    private func send<Value: MessageValue>(_ value: Value) async throws {
        try Task.checkCancellation()
        switch sender {
        case .nobody: return
        case .text:
            let text = value.bytes(as: .json)
            release()
            held = text
            connection.hold(self)
        case .binary(let id, let serializer):
            if !takesCredit {
                // Before the first value, because a caller may grant more as soon as it has that.
                takesCredit = true
                connection.takesCredit(self, id)
            }
            while !credit.take() { try await moreCredit() }
            connection.write(value, BinaryHeader(.value, id: id, serializer))
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
        connection.write { writer in
            writer.verbatim("{\"response\":")
            text.withUnsafeBytes { writer.verbatim($0) }
            body.withBytes(of: id) { writer.endReply(id: $0, isLast: isLast) }
        }
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

/// Metadata of a packet of text.
enum PacketMetadata {
    /// Members that are not strings are left out, and so is metadata that is no object; Nest's is one of strings. The
    /// packet has been scanned, so it is JSON.
    static func read(_ range: ByteRange, in body: ByteBuffer) -> [String: String] {
        guard range.isPresent, case .object(let object)? = try? body.value(of: range) else { return [:] }
        var metadata: [String: String] = [:]
        for (key, value) in object { metadata[key] = value.stringValue }
        return metadata
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

    /// One more message of a command than can be handled; a retry comes at a time of its own.
    static var shed: RemoteError {
        RemoteError(
            .overloaded, "The service has too much to do.",
            details: ["retryAfterMs": .int(Int64.random(in: 100...300))])
    }

    static let late = RemoteError(.deadlineExceeded, "The time for this call is over.")

    static let shuttingDown = RemoteError(.shuttingDown, "The server is shutting down.")
}

public import NIOCore
public import RookeryWire

/// A call on its way out.
public struct OutgoingCall: Sendable {
    /// What is called.
    public var command: Command
    /// The message.
    public var payload: any MessageValue
    /// What travels along; sent only to peers that are known to take it.
    public var metadata: [String: String]
    /// When the caller stops waiting. For streams: see `valueTimeout`.
    public var deadline: NIODeadline
    /// How long a stream may be silent, before its first value and between values.
    public var valueTimeout: Duration

    /// Describes a call.
    public init(
        command: Command, payload: any MessageValue, metadata: [String: String] = [:], deadline: NIODeadline,
        valueTimeout: Duration = ClientConfiguration.defaultTimeout
    ) {
        self.command = command
        self.payload = payload
        self.metadata = metadata
        self.deadline = deadline
        self.valueTimeout = valueTimeout
    }
}

/// Carries calls to a service. Transports know bytes and connections, not types.
public protocol ClientTransport: Sendable {
    /// Sends a request and waits for its last reply. Throws ``RemoteError`` when the command failed, ``CallError`` when
    /// there is no answer, `CancellationError` when the task is cancelled: the call is then forgotten, and a late reply
    /// ignored.
    func request(_ call: OutgoingCall) async throws -> Payload

    /// Sends an event; returns when it has been handed to the connection. Nobody acknowledges it.
    func emit(_ call: OutgoingCall) async throws

    /// Opens a stream; the request is sent at once, and few values come before somebody reads. Ending the iteration, or
    /// cancelling its task, ends it at the peer.
    func stream(_ call: OutgoingCall) async throws -> MessageStream<Payload>

    /// Ends every call under way with ``CallError/Code/closed`` and closes the connections.
    func close() async
}

/// What a client does when its caller says nothing.
public struct ClientConfiguration: Sendable, Hashable {
    /// 5000 ms, for the whole call.
    public static let defaultTimeout: Duration = .milliseconds(5000)

    /// How long a call may take, all attempts included; for streams, how long it may be silent. Default 5000 ms.
    public var timeout: Duration

    /// Other times for some commands, by their names on the wire; they beat what the contract declares.
    public var commandTimeouts: [String: Duration]

    /// The defaults.
    public init(
        timeout: Duration = ClientConfiguration.defaultTimeout, commandTimeouts: [String: Duration] = [:]
    ) {
        self.timeout = timeout
        self.commandTimeouts = commandTimeouts
    }
}

/// Calls a service: typed, through the client that `@Contract` writes, or raw, with any pattern and any JSON.
///
/// Cheap to copy; copies share the transport.
public struct RookeryClient: Sendable {
    private let transport: any ClientTransport
    private let configuration: ClientConfiguration
    private let interceptors: [any ClientInterceptor]

    /// Makes a client over a transport, with interceptors, outermost first.
    public init(
        transport: any ClientTransport,
        configuration: ClientConfiguration = ClientConfiguration(),
        interceptors: [any ClientInterceptor] = []
    ) {
        self.transport = transport
        self.configuration = configuration
        self.interceptors = interceptors
    }

    /// Ends every call under way and closes the connections.
    public func close() async { await transport.close() }

    // MARK: Typed

    /// Sends a command and reads its reply. `timeout` beats the command's, which beats the client's; the deadline of the
    /// message being handled, if one is, beats them all.
    public func request<Reply: MessageValue>(
        _ command: Command, _ message: some MessageValue, timeout: Duration? = nil, as: Reply.Type = Reply.self
    ) async throws -> Reply {
        let reply = try await perform(call(command, message, timeout))
        do {
            return try reply.decode(Reply.self, rules: .types)
        } catch {
            throw CallError(
                .invalidReply, "The reply of \(command.name) does not fit \(Reply.self): \(error)", wasWritten: true)
        }
    }

    /// Sends a command whose reply carries nothing.
    public func request(_ command: Command, _ message: some MessageValue, timeout: Duration? = nil) async throws {
        _ = try await perform(call(command, message, timeout))
    }

    /// Sends an event; nobody acknowledges it.
    public func emit(_ command: Command, _ message: some MessageValue) async throws {
        var call = call(command, message, nil)
        if command.kind != .event {
            call.command = Command(command.name, pattern: command.pattern, kind: .event)
        }
        _ = try await perform(call)
    }

    /// Opens a stream; `timeout` is how long it may be silent, before its first value and between values.
    public func stream<Value: MessageValue>(
        _ command: Command, _ message: some MessageValue, timeout: Duration? = nil, as: Value.Type = Value.self
    ) async throws -> MessageStream<Value> {
        let payloads = try await open(call(command, message, timeout))
        return MessageStream(
            Mapped(source: payloads) { payload in
                do {
                    return try payload.decode(Value.self, rules: .types)
                } catch {
                    throw CallError(
                        .invalidReply, "A value of \(command.name) does not fit \(Value.self): \(error)",
                        wasWritten: true)
                }
            })
    }

    // MARK: Raw

    /// Sends any JSON to any pattern; nil when the reply has no value.
    public func send(
        _ pattern: Pattern, _ data: JSONValue, timeout: Duration? = nil, idempotency: Idempotency = .unsafe
    ) async throws -> JSONValue? {
        let command = Command(pattern.route, pattern: pattern, idempotency: idempotency)
        return try await perform(call(command, data, timeout)).value()
    }

    /// Emits any JSON to any pattern.
    public func emit(_ pattern: Pattern, _ data: JSONValue) async throws {
        try await emit(Command(pattern.route, pattern: pattern, kind: .event), data)
    }

    /// Opens a stream with any JSON; nil stands for a value that was `undefined`.
    public func stream(
        _ pattern: Pattern, _ data: JSONValue, timeout: Duration? = nil
    ) async throws -> MessageStream<JSONValue?> {
        let command = Command(pattern.route, pattern: pattern, kind: .stream)
        let payloads = try await open(call(command, data, timeout))
        return MessageStream(Mapped(source: payloads) { try $0.value() })
    }

    // MARK: The way through

    private func call(_ command: Command, _ message: some MessageValue, _ timeout: Duration?) -> OutgoingCall {
        let configured =
            configuration.commandTimeouts.isEmpty ? nil : configuration.commandTimeouts[command.wireName]
        let allowed = timeout ?? configured ?? command.timeout ?? configuration.timeout
        var deadline = NIODeadline.now() + TimeAmount(allowed)
        var metadata: [String: String] = [:]
        let context = MessageContext.current
        if let context {
            metadata = context.metadata
            if !metadata.isEmpty { metadata = metadata.filter { !MessageContext.ofOneCall.contains($0.key) } }
            if let outer = context.deadline {
                // The inner call ends a little before the outer one, so that its failure can still be answered.
                let left = max(0, (outer - NIODeadline.now()).nanoseconds)
                deadline = min(deadline, outer - TimeAmount.nanoseconds(min(100_000_000, left / 10)))
            }
        }
        if command.idempotency == .keyed {
            // Every attempt sends the same key, and so does the handler when it runs again for the same message.
            metadata[MessageContext.idempotencyKeyKey] = context?.key(for: command) ?? Self.newKey()
        }
        return OutgoingCall(
            command: command, payload: message, metadata: metadata, deadline: deadline, valueTimeout: allowed)
    }

    /// 128 random bits.
    private static func newKey() -> String {
        String(UInt64.random(in: .min ... .max), radix: 36) + String(UInt64.random(in: .min ... .max), radix: 36)
    }

    private func perform(_ call: OutgoingCall) async throws -> Payload {
        if interceptors.isEmpty { return try await dispatch(call) }
        return try await step(0, call)
    }

    private func dispatch(_ call: OutgoingCall) async throws -> Payload {
        if call.command.kind == .event {
            try await transport.emit(call)
            return .absent
        }
        return try await transport.request(call)
    }

    private func step(_ at: Int, _ call: OutgoingCall) async throws -> Payload {
        guard at < interceptors.count else { return try await dispatch(call) }
        return try await interceptors[at].intercept(call) { try await step(at + 1, $0) }
    }

    private func open(_ call: OutgoingCall) async throws -> MessageStream<Payload> {
        try await openStep(0, call)
    }

    private func openStep(_ at: Int, _ call: OutgoingCall) async throws -> MessageStream<Payload> {
        guard at < interceptors.count else { return try await transport.stream(call) }
        return try await interceptors[at].interceptStream(call) { try await openStep(at + 1, $0) }
    }
}

/// A stream with every element changed; `AsyncMapSequence` is not Sendable for every closure it takes.
private struct Mapped<Output: Sendable>: AsyncSequence, Sendable {
    let source: MessageStream<Payload>
    let transform: @Sendable (Payload) throws -> Output

    struct AsyncIterator: AsyncIteratorProtocol {
        var base: MessageStream<Payload>.AsyncIterator
        let transform: @Sendable (Payload) throws -> Output

        mutating func next() async throws -> Output? { try await base.next().map(transform) }
    }

    func makeAsyncIterator() -> AsyncIterator {
        AsyncIterator(base: source.makeAsyncIterator(), transform: transform)
    }
}

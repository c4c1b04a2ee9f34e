import NIOCore
public import RookeryWire
package import Tracing

/// A client of a service: typed, through the client that `@Contract` generates, or raw, with any pattern and any JSON.
///
/// It is cheap to copy. Copies share connections, breakers and budgets.
public struct RookeryClient: Sendable {
    package let transport: any ClientTransport
    /// The client's name for the service, in traces.
    private let name: String?
    private let defaults: CallDefaults
    private var interceptors = InterceptorList()
    private var options = CallOptions()
    private let tracer: CallTracer?
    private let metrics: CallMetrics?

    package init(
        transport: any ClientTransport, name: String? = nil, defaults: CallDefaults = CallDefaults(),
        tracer: (any Tracer)? = nil
    ) {
        self.transport = transport
        self.name = name
        self.defaults = defaults
        self.tracer = CallTracer(tracer)
        metrics = CallMetrics(destination: name)
    }

    /// Returns a copy with an interceptor around the calls of some commands, inside the interceptors that it already
    /// has. Without `commands`, the interceptor applies to all commands.
    public func intercepted(by interceptor: any Interceptor, on commands: Command...) -> RookeryClient {
        var client = self
        client.interceptors.append([interceptor], commands: commands.isEmpty ? nil : commands)
        return client
    }

    /// Returns a copy with other options for its calls: `client.with { $0.timeout = .seconds(1) }`.
    public func with(_ change: (inout CallOptions) -> Void) -> RookeryClient {
        var client = self
        change(&client.options)
        return client
    }

    /// Ends every call in flight with ``CallError/Code/closed`` and closes the connections.
    public func close() async { await transport.close() }

    // MARK: Typed

    /// Sends a command and decodes its reply. Code that `@Contract` generates calls it.
    ///
    /// Throws ``CallError/Code/invalidReply`` if the reply does not fit the type.
    public func _request<Reply: MessageValue>(
        _ command: Command, _ message: some MessageValue, as: Reply.Type = Reply.self
    ) async throws -> Reply {
        var call = call(command, message)
        let body: MessageBody
        if interceptors.isEmpty {
            // Inlined, because each async function in between would cost as much as a span.
            let observation = observe(&call, surrounds: false)
            do {
                body = MessageBody(try await transport.request(call))
            } catch {
                observation?.end(CallOutcome(error))
                throw error
            }
            observation?.note(body)
            observation?.end(.success)
        } else {
            body = try await perform(call).message ?? MessageBody(Payload.absent)
        }
        do {
            return try body.decode(Reply.self, rules: .types)
        } catch {
            throw Self.invalid("The reply", command, Reply.self, error)
        }
    }

    /// Sends a command whose reply has no value.
    public func _request(_ command: Command, _ message: some MessageValue) async throws {
        _ = try await perform(call(command, message))
    }

    /// Sends an event. The peer does not acknowledge it, so the event is lost if the peer fails.
    public func _emit(_ command: Command, _ message: some MessageValue) async throws {
        _ = try await perform(call(command, message))
    }

    /// Opens a stream. The iteration throws ``CallError/Code/invalidReply`` at a value that does not fit the type.
    public func _stream<Value: MessageValue>(
        _ command: Command, _ message: some MessageValue, as: Value.Type = Value.self
    ) async throws -> MessageStream<Value> {
        decoded(try await open(command, message), command)
    }

    private func decoded<Value: MessageValue>(
        _ stream: MessageStream<MessageBody>, _ command: Command
    ) -> MessageStream<Value> {
        stream.mapped { body in
            do {
                return try body.decode(Value.self, rules: .types)
            } catch {
                throw Self.invalid("A value", command, Value.self, error)
            }
        }
    }

    /// Sends a command with a client stream, and decodes its reply. Code that `@Contract` generates calls it.
    ///
    /// Throws ``CallError/Code/invalidCall`` if no instance takes client streams. If `values` throws, the call throws that error, and
    /// the client cancels the handler. When the call ends, the client cancels `values`, and returns after `values` has ended.
    public func _request<Reply: MessageValue, Value: MessageValue>(
        _ command: Command, _ message: some MessageValue, clientStream values: MessageStream<Value>,
        as: Reply.Type = Reply.self
    ) async throws -> Reply {
        let reply = try await perform(call(command, message, ClientStream(values)))
        do {
            return try (reply.message ?? MessageBody(Payload.absent)).decode(Reply.self, rules: .types)
        } catch {
            throw Self.invalid("The reply", command, Reply.self, error)
        }
    }

    /// Sends a command with a client stream whose reply has no value. Throws and cancels like the function that decodes a reply.
    public func _request<Value: MessageValue>(
        _ command: Command, _ message: some MessageValue, clientStream values: MessageStream<Value>
    ) async throws {
        _ = try await perform(call(command, message, ClientStream(values)))
    }

    /// Opens a stream with a client stream: both sides send values. Throws ``CallError/Code/invalidCall`` if no instance takes client
    /// streams.
    ///
    /// The iteration throws ``CallError/Code/invalidReply`` at a value that does not fit the type, and what `values` throws. Ending
    /// the iteration cancels `values` and the handler.
    public func _stream<Value: MessageValue, Sent: MessageValue>(
        _ command: Command, _ message: some MessageValue, clientStream values: MessageStream<Sent>,
        as: Value.Type = Value.self
    ) async throws -> MessageStream<Value> {
        decoded(try await opened(call(command, message, ClientStream(values))), command)
    }

    private static func invalid(_ what: String, _ command: Command, _ type: Any.Type, _ error: any Error) -> CallError {
        CallError(.invalidReply, "\(what) of \(command.name) does not fit \(type): \(error)", wasWritten: true)
    }

    // MARK: Raw

    /// Sends any JSON to any pattern and returns the reply. Returns nil if the reply has no value.
    public func send(
        _ pattern: Pattern, _ data: JSONValue, idempotency: Idempotency = .unsafe
    ) async throws -> JSONValue? {
        let command = Command(pattern.route, pattern: pattern, idempotency: idempotency)
        return try await perform(call(command, data)).message?.jsonValue()
    }

    /// Sends an event with any JSON to any pattern.
    public func emit(_ pattern: Pattern, _ data: JSONValue) async throws {
        try await _emit(Command(pattern.route, pattern: pattern, kind: .event), data)
    }

    /// Opens a stream with any JSON. A nil value stands for JavaScript's `undefined`.
    ///
    /// With `resumption`, the stream opens itself again when it breaks, as for a command that declares it.
    public func stream(
        _ pattern: Pattern, _ data: JSONValue, resuming resumption: StreamResumption? = nil
    ) async throws -> MessageStream<JSONValue?> {
        let command = Command(
            pattern.route, pattern: pattern, kind: .stream, idempotency: .safe, resumption: resumption)
        return try await open(command, data).mapped { try $0.jsonValue() }
    }

    /// Sends any JSON and the values of a client stream to any pattern, and returns the reply. Returns nil if the reply has no value.
    package func send(
        _ pattern: Pattern, _ data: JSONValue, clientStream values: MessageStream<JSONValue>
    ) async throws -> JSONValue? {
        let command = Command(pattern.route, pattern: pattern, hasClientStream: true)
        return try await perform(call(command, data, ClientStream(values))).message?.jsonValue()
    }

    /// Opens a stream with any JSON and the values of a client stream.
    package func stream(
        _ pattern: Pattern, _ data: JSONValue, clientStream values: MessageStream<JSONValue>
    ) async throws -> MessageStream<JSONValue?> {
        let command = Command(pattern.route, pattern: pattern, kind: .stream, hasClientStream: true)
        return try await opened(call(command, data, ClientStream(values))).mapped { try $0.jsonValue() }
    }

    // MARK: Dispatch

    private func call(
        _ command: Command, _ message: some MessageValue, _ clientStream: ClientStream? = nil
    ) -> Call {
        let configured = defaults.commandTimeouts.isEmpty ? nil : defaults.commandTimeouts[command.wireName]
        let allowed = options.timeout ?? configured ?? command.timeout ?? defaults.timeout
        let now = NIODeadline.now()
        var deadline = Deadline(now + TimeAmount(allowed))
        let context = MessageContext.current
        if let outer = context?.deadline { deadline = deadline.earlier(outer.ofInnerCall(at: now)) }
        // Read once, because each time costs as much as a span.
        let surroundings = ServiceContext.current?.travelling
        var (metadata, span) = (surroundings?.metadata ?? [:], surroundings?.span)
        if !options.metadata.isEmpty {
            metadata.merge(options.metadata) { _, own in own }
            if Travelling.received(options.metadata) != nil { span = nil }
        }
        if let criticality = options.criticality { metadata[MetadataName.criticality] = criticality.name }
        if command.idempotency == .keyed {
            // All attempts send the same key. So does the handler when it runs again for the same message.
            metadata[MetadataName.idempotencyKey] =
                options.idempotencyKey ?? context?.key(for: command) ?? Self.newKey()
        }
        var call = Call(
            command: command, message: MessageBody(message), metadata: metadata, deadline: deadline,
            silenceLimit: allowed, clientStream: clientStream)
        call.span = span
        return call
    }

    /// Returns 128 random bits, in base 36.
    private static func newKey() -> String {
        String(UInt64.random(in: .min ... .max), radix: 36) + String(UInt64.random(in: .min ... .max), radix: 36)
    }

    /// Opens a stream, which opens itself again when it breaks, if the command says how.
    private func open(_ command: Command, _ message: some MessageValue) async throws -> MessageStream<MessageBody> {
        let first = call(command, message)
        let stream = try await opened(first)
        guard let resumption = command.resumption else { return stream }
        // The reader may be another task. What surrounded the first opening surrounds the others.
        let surroundings = ServiceContext.current ?? .topLevel
        return MessageStream(
            ResumedStream(
                // One opening may go to the instance that fell silent.
                stream, resumption, patience: first.silenceLimit * 2,
                mayReopen: { try await transport.mayReopen(command, after: $0, failures: $1) }
            ) { cursor in
                try await ServiceContext.withValue(surroundings) {
                    guard let cursor else { return try await opened(call(command, message)) }
                    return try await opened(call(command, resumption.request(message, after: cursor)))
                }
            })
    }

    private func opened(_ call: Call) async throws -> MessageStream<MessageBody> {
        let command = call.command
        let reply = try await perform(call)
        guard let stream = reply.stream else {
            throw CallError(.invalidReply, "An interceptor answered the stream \(command.name) with no stream.")
        }
        return stream
    }

    private func perform(_ call: Call) async throws -> Reply {
        var call = call
        guard let observation = observe(&call, surrounds: true) else { return try await intercepted(call) }
        do {
            let reply = try await ServiceContext.withValue(call.context ?? .current) { [call] in
                try await intercepted(call)
            }
            if let stream = reply.stream {
                return Reply(stream: stream.onEnd { observation.end($0.map { CallOutcome($0) } ?? .success) })
            }
            if let message = reply.message { observation.note(message) }
            observation.end(.success)
            return reply
        } catch {
            observation.end(CallOutcome(error))
            throw error
        }
    }

    private func intercepted(_ call: Call) async throws -> Reply {
        if interceptors.isEmpty { return try await dispatch(call) }
        var call = call
        // Interceptors see the identity of the call's span where it travels.
        if let traceparent = call.traceparent { call.metadata[MetadataName.traceparent] = traceparent }
        // Without a span of the call's own they may change it.
        if tracer == nil { call.span = nil }
        let handler = CallHandler(interceptors.interceptors(of: call.command)) { try await dispatch($0) }
        return try await handler(call)
    }

    private func dispatch(_ call: Call) async throws -> Reply {
        switch call.command.kind {
        case .request where call.clientStream != nil: try await dispatchStreaming(call)
        case .request: Reply(MessageBody(try await transport.request(call)))
        case .event:
            try await emitted(call)
        case .stream: Reply(stream: try await transport.stream(call).mapped { MessageBody($0) })
        }
    }

    private func dispatchStreaming(_ call: Call) async throws -> Reply {
        do {
            return Reply(MessageBody(try await transport.request(call)))
        } catch let failed as ClientStreamFailed {
            throw failed.error
        }
    }

    private func emitted(_ call: Call) async throws -> Reply {
        try await transport.emit(call)
        return .none
    }

    // MARK: Tracing and metrics

    /// Starts the span and the timing of a call. Nil without a tracer and metrics. If `surrounds` is true, the call carries
    /// the context of its span.
    private func observe(_ call: inout Call, surrounds: Bool) -> CallObservation? {
        if tracer == nil, metrics == nil { return nil }
        let now = NIODeadline.now()
        return CallObservation(
            call.command, at: now, span: tracer?.startCall(&call, to: name, at: now, surrounds: surrounds),
            keepsMessages: tracer?.keepsMessages ?? false, metrics)
    }
}

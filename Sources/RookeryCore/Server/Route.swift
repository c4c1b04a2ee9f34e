public import RookeryWire

/// What a server does with the messages of one command.
public struct Route: Sendable {
    /// Runs the handler: reads the payload, and answers through the sink.
    public typealias _Body = @Sendable (_Payload, any _ReplySink) async throws -> Void
    /// Runs the handler of a stream.
    package typealias Values = @Sendable (Payload) async throws -> MessageStream<MessageBody>

    /// What is served.
    package let command: Command
    /// How, straight to the connection.
    package let body: _Body
    /// How, when interceptors see each value; nil for what is no stream.
    package let values: Values?
    /// What stands around it.
    package var interceptors: InterceptorList

    /// What `@Contract` writes for a command with one reply, or none.
    public init(_ command: Command, _body body: @escaping _Body) {
        self.command = command
        self.body = body
        values = nil
        interceptors = InterceptorList()
    }

    /// What `@Contract` writes for a stream.
    public init<Value: MessageValue>(
        _ command: Command, _stream handler: @escaping @Sendable (_Payload) async throws -> MessageStream<Value>
    ) {
        self.command = command
        body = { payload, sink in
            for try await value in try await handler(payload) { try await sink.value(value) }
            sink.endStream()
        }
        values = { payload in try await handler(payload).mapped { MessageBody($0) } }
        interceptors = InterceptorList()
    }

    /// A command that takes and gives any JSON; nil is JavaScript's `undefined`, on both sides.
    public static func raw(
        _ pattern: Pattern, isEvent: Bool = false,
        _ handler: @escaping @Sendable (JSONValue?) async throws -> (any MessageValue)?
    ) -> Route {
        Route(Command(pattern.route, pattern: pattern, kind: isEvent ? .event : .request)) { payload, sink in
            let data: JSONValue?
            do throws(MalformedValue) {
                data = try payload.value()
            } catch {
                throw InvalidPayload(error)
            }
            guard let value = try await handler(data) else { return sink.end() }
            sink.reply(value)
        }
    }
}

// Routes made without a macro, in tests and tools.
extension Route {
    /// A command with one reply.
    package static func request<Request: MessageValue, Reply: MessageValue>(
        _ command: Command, _ handler: @escaping @Sendable (Request) async throws -> Reply
    ) -> Route {
        Route(command) { payload, sink in sink.reply(try await handler(try payload.decode(Request.self))) }
    }

    /// A command whose reply carries nothing.
    package static func request<Request: MessageValue>(
        _ command: Command, _ handler: @escaping @Sendable (Request) async throws -> Void
    ) -> Route {
        Route(command) { payload, sink in
            try await handler(try payload.decode(Request.self))
            sink.end()
        }
    }

    /// A command answered by a stream.
    package static func stream<Request: MessageValue, Value: MessageValue>(
        _ command: Command, _ handler: @escaping @Sendable (Request) async throws -> MessageStream<Value>
    ) -> Route {
        Route(command, _stream: { try await handler(try $0.decode(Request.self)) })
    }
}

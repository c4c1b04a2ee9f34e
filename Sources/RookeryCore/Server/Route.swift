public import RookeryWire

/// A command and its handler at a server.
public struct Route: Sendable {
    /// Runs the handler: decodes the payload, and replies through the sink.
    public typealias _Body = @Sendable (_Payload, any _ReplySink) async throws -> Void
    /// Runs the handler of a stream.
    package typealias Values = @Sendable (Payload) async throws -> MessageStream<MessageBody>

    /// The command that the route serves.
    package let command: Command
    /// Runs the handler and sends its replies straight to the connection.
    package let body: _Body
    /// Runs the handler of a stream if interceptors see each value. Nil for a command that is not a stream.
    package let values: Values?
    /// The interceptors of this route.
    package var interceptors: InterceptorList

    /// Creates the route of a command with one reply or none. Code that `@Contract` generates calls it.
    public init(_ command: Command, _body body: @escaping _Body) {
        self.command = command
        self.body = body
        values = nil
        interceptors = InterceptorList()
    }

    /// Creates the route of a stream. Code that `@Contract` generates calls it.
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

    /// Creates a route that accepts and returns any JSON. On both sides, nil stands for JavaScript's `undefined`.
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

// Routes without a macro, for tests and tools.
extension Route {
    /// Creates the route of a command with one reply.
    package static func request<Request: MessageValue, Reply: MessageValue>(
        _ command: Command, _ handler: @escaping @Sendable (Request) async throws -> Reply
    ) -> Route {
        Route(command) { payload, sink in sink.reply(try await handler(try payload.decode(Request.self))) }
    }

    /// Creates the route of a command whose reply has no value.
    package static func request<Request: MessageValue>(
        _ command: Command, _ handler: @escaping @Sendable (Request) async throws -> Void
    ) -> Route {
        Route(command) { payload, sink in
            try await handler(try payload.decode(Request.self))
            sink.end()
        }
    }

    /// Creates the route of a command whose reply is a stream.
    package static func stream<Request: MessageValue, Value: MessageValue>(
        _ command: Command, _ handler: @escaping @Sendable (Request) async throws -> MessageStream<Value>
    ) -> Route {
        Route(command, _stream: { try await handler(try $0.decode(Request.self)) })
    }
}

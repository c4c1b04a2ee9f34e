import RookeryWire
package import Tracing

/// Finds the routes of a pattern and runs their handlers.
package final class Router: Sendable {
    /// A route with all the interceptors around it.
    struct Resolved: Sendable {
        let body: Route._Body
        let values: Route.Values?
        let interceptors: [any Interceptor]

        /// Whether the command is one that every server has: health or description.
        private static func isOwn(_ command: Command) -> Bool {
            command.pattern == Health.pattern || command.pattern == Description.pattern
        }

        init(_ route: Route, around: InterceptorList) {
            interceptors =
                Self.isOwn(route.command) ? [] : (around + route.interceptors).interceptors(of: route.command)
            switch route.command.execution {
            case .eventLoop: (body, values) = (route.body, route.values)
            case .concurrent:
                body = { payload, sink in try await Self.elsewhere { try await route.body(payload, sink) } }
                values = Self.elsewhere(route.values)
            }
        }

        private static func elsewhere(_ values: Route.Values?) -> Route.Values? {
            guard let values else { return nil }
            return { payload in try await Self.elsewhere { try await values(payload) } }
        }

        /// Runs `body` on the global concurrent executor instead of the caller's executor.
        private static func elsewhere<Result: Sendable>(
            _ body: @Sendable () async throws -> Result
        ) async throws -> Result {
            try await withTaskExecutorPreference(globalConcurrentExecutor) { try await onPreferred(body) }
        }

        /// Runs `body` on the task's preferred executor.
        ///
        /// `@concurrent` switches to that executor, with one exception: Swift 6.3 takes a task that started on a loop's
        /// thread, outside the loop's executor, to be there already. `Task.yield()` enqueues such a task on the
        /// preferred executor.
        @concurrent private static func onPreferred<Result: Sendable>(
            _ body: @Sendable () async throws -> Result
        ) async throws -> Result {
            await Task.yield()
            return try await body()
        }
    }

    /// The routes of one pattern. The first one sends the reply. An event may have several routes, and all of them run.
    ///
    /// A class, because each message carries one, and a reference is cheap to copy.
    package final class Entry: Sendable {
        /// The command of the first route.
        package let command: Command
        /// The pattern of this entry, which is one of the command's patterns.
        package let pattern: Pattern
        /// The index of this entry in the router.
        package let position: Int
        /// A number that identifies the pattern in this process. See ``CommandNumbers``.
        package let number: Int
        /// The handler that sends the reply.
        package let body: Route._Body
        let routes: [Resolved]
        /// Whether the entry has one handler, and no interceptors. Then only `body` has to run.
        package let isPlain: Bool

        init(_ command: Command, _ pattern: Pattern, _ routes: [Resolved], position: Int) {
            self.command = command
            self.pattern = pattern
            self.position = position
            self.routes = routes
            number = CommandNumbers.number(of: pattern.route)
            body = routes[0].body
            isPlain = routes.count == 1 && routes[0].interceptors.isEmpty
        }
    }

    private typealias Place = (command: Command, pattern: Pattern, routes: [Route])

    private let places: [Place]
    private let table: RouteTable
    private let entries: [Entry]
    private let interceptors: InterceptorList
    /// The name of the service in traces.
    private let service: String?
    private let tracer: CallTracer?
    /// The served patterns, in order of registration. A negotiated frame refers to a pattern by its index here.
    package var patterns: [Pattern] { entries.map(\.pattern) }
    /// The commands of ``patterns``, in the same order.
    package var commands: [Command] { entries.map(\.command) }

    /// The commands that a message of each of ``patterns`` runs, in the same order: several for events that share one.
    package var commandsByEntry: [[Command]] { places.map { $0.routes.map(\.command) } }

    /// Creates a router with `interceptors` around every route, outside the routes' own. Health and description have
    /// none.
    ///
    /// Throws ``DuplicatePattern`` if several routes share a pattern and not all of them are events.
    package convenience init(
        _ routes: [Route], interceptors: InterceptorList = InterceptorList(), service: String? = nil,
        tracer: CallTracer? = nil
    ) throws(DuplicatePattern) {
        var places: [Place] = []
        var positions: [String: Int] = [:]
        for route in routes {
            for pattern in [route.command.pattern] + route.command.alternatives {
                guard let at = positions[pattern.route] else {
                    positions[pattern.route] = places.count
                    places.append((route.command, pattern, [route]))
                    continue
                }
                places[at].routes.append(route)
                if places[at].routes.contains(where: { $0.command.kind != .event }) {
                    throw DuplicatePattern(pattern: pattern, commands: places[at].routes.map(\.command.name))
                }
            }
        }
        self.init(places, interceptors, service, tracer)
    }

    private init(
        _ places: [Place], _ interceptors: InterceptorList, _ service: String?, _ tracer: CallTracer?
    ) {
        self.service = service
        self.places = places
        self.interceptors = interceptors
        self.tracer = tracer
        entries = places.enumerated().map { at, place in
            Entry(
                place.command, place.pattern, place.routes.map { Resolved($0, around: interceptors) }, position: at)
        }
        table = RouteTable(entries.map(\.pattern.route))
    }

    /// Returns a copy with more interceptors around every declared command. They are inside the router's existing
    /// interceptors and outside those of the routes. Health and description have none.
    package func intercepted(by interceptors: [any Interceptor]) -> Router {
        var list = self.interceptors
        list.append(interceptors)
        return Router(places, list, service, tracer)
    }

    /// Returns the routes of the pattern at an index of ``patterns``. Returns nil if there is no such index.
    package func entry(at position: Int) -> Entry? { position < entries.count ? entries[position] : nil }

    /// Returns the routes of a received pattern, given as JSON text. Returns nil if the router does not serve it.
    package func lookUp(received pattern: UnsafeRawBufferPointer) -> Entry? {
        table.lookUp(received: pattern).map { entries[$0] }
    }

    /// Starts the span of a message. Returns the context of its handler too, nil for the current one. Without a tracer there is no
    /// span.
    package func startHandling(
        _ entry: Entry, _ metadata: [String: String], _ context: any MessageContextSource
    ) -> (surroundings: ServiceContext?, span: CallSpan?) {
        guard let tracer else { return (metadata.isEmpty ? nil : .carrying(metadata), nil) }
        let (surroundings, span) = tracer.startHandling(
            entry.command, metadata, service: service, from: context.origin)
        return (surroundings, span)
    }

    /// Runs the handlers of one of this router's entries. The first handler replies. The others of an event only run.
    ///
    /// The caller must bind ``MessageContext`` and the service context of the message. Throws the first error of a
    /// handler, after all handlers have run.
    package func run(
        _ entry: Entry, _ payload: Payload, _ sink: any ReplySink, context: any MessageContextSource
    ) async throws {
        if entry.isPlain { return try await entry.body(payload, sink) }
        var failure: (any Error)?
        for (at, route) in entry.routes.enumerated() {
            do {
                try await route.run(entry.command, payload, at == 0 ? sink : DiscardingSink.shared, context)
            } catch {
                failure = failure ?? error
            }
        }
        if let failure { throw failure }
    }
}

extension Router.Resolved {
    /// Runs the handler inside its interceptors.
    fileprivate func run(
        _ command: Command, _ payload: Payload, _ sink: any ReplySink, _ context: any MessageContextSource
    ) async throws {
        if interceptors.isEmpty { return try await body(payload, sink) }
        let surroundings = context.messageContext
        let call = Call(
            command: command, message: MessageBody(payload), metadata: surroundings.metadata,
            deadline: surroundings.deadline)
        let handler = CallHandler(interceptors) { inner in
            // An interceptor may have replaced the message, but not what the client sends behind it.
            var message = inner.message.payload
            (message.clientStream, message.fields) = (payload.clientStream, payload.fields)
            message.forbidsUnknown = payload.forbidsUnknown
            guard inner.metadata != call.metadata else { return try await handle(message) }
            // From here on, the service context carries the metadata that the interceptors passed on.
            return try await ServiceContext.withValue(.carrying(inner.metadata)) { [message] in
                try await handle(message)
            }
        }
        let reply = try await handler(call)
        if let stream = reply.stream {
            for try await value in stream { try await sink.value(value) }
            sink.endStream()
        } else if let message = reply.message {
            // Send the value itself, because its type decides whether compression is allowed.
            if case .value(let value) = message.content { sink.reply(value) } else { sink.reply(message) }
        } else {
            sink.end()
        }
    }

    private func handle(_ message: Payload) async throws -> Reply {
        if let values {
            // The server reads the values after the interceptors have returned, but the handler makes them in the context that
            // the interceptors have set.
            return Reply(stream: try await values(message).inContext(.current))
        }
        let keeper = ReplyKeeper()
        try await body(message, keeper)
        return keeper.answer
    }
}

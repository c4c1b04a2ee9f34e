import RookeryWire
import Tracing

/// Finds the routes of a pattern.
package struct Router: Sendable {
    /// A route with everything that stands around it.
    struct Resolved: Sendable {
        let body: Route._Body
        let values: Route.Values?
        let interceptors: [any Interceptor]

        /// What every server answers about itself.
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

        /// Runs on the global pool what would run on the caller's executor.
        private static func elsewhere<Result: Sendable>(
            _ body: @Sendable () async throws -> Result
        ) async throws -> Result {
            try await withTaskExecutorPreference(globalConcurrentExecutor) { try await onPreferred(body) }
        }

        /// `@concurrent` goes to the task's preferred executor. A task that was begun on a loop's thread, and not by its
        /// executor, is taken to be there already (Swift 6.3); yielding has it enqueued there.
        @concurrent private static func onPreferred<Result: Sendable>(
            _ body: @Sendable () async throws -> Result
        ) async throws -> Result {
            await Task.yield()
            return try await body()
        }
    }

    /// The routes of one pattern. The first one's answer is sent; events may have several, and all run.
    ///
    /// A class, because one is handed along with each message, and a reference is all that costs.
    package final class Entry: Sendable {
        /// What is served.
        package let command: Command
        /// At which of its patterns.
        package let pattern: Pattern
        /// Its place among the router's entries.
        package let position: Int
        /// Tells commands apart in this process, by their patterns.
        package let number: Int
        /// The handler whose answer is sent.
        package let body: Route._Body
        let routes: [Resolved]
        /// Whether it has one handler, and nothing stands around it: then `body` is all there is to run.
        package let isBare: Bool

        init(_ command: Command, _ pattern: Pattern, _ routes: [Resolved], position: Int, isTraced: Bool) {
            self.command = command
            self.pattern = pattern
            self.position = position
            self.routes = routes
            number = CommandNumbers.number(of: pattern.route)
            body = routes[0].body
            isBare = routes.count == 1 && routes[0].interceptors.isEmpty && !isTraced
        }
    }

    private typealias Place = (command: Command, pattern: Pattern, routes: [Route])

    private let places: [Place]
    private let table: RouteTable
    private let entries: [Entry]
    private let interceptors: InterceptorList
    /// The service's name, in traces.
    private let service: String?
    private let tracer: CallTracer?
    /// The patterns served, in order of registration. A negotiated frame names one by its position.
    package var patterns: [Pattern] { entries.map(\.pattern) }
    /// The commands at these patterns.
    package var commands: [Command] { entries.map(\.command) }

    /// Makes a router with `interceptors` around every route, outside the routes' own. Throws ``DuplicatePattern`` when two
    /// commands that are no events share a pattern.
    package init(
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
                place.command, place.pattern, place.routes.map { Resolved($0, around: interceptors) }, position: at,
                isTraced: tracer != nil)
        }
        table = RouteTable(entries.map(\.pattern.route))
    }

    /// The same router with further interceptors around every declared command, inside those that it has. What the toolkit
    /// itself serves has none.
    package func intercepted(by interceptors: [any Interceptor]) -> Router {
        var list = self.interceptors
        list.append(interceptors)
        return Router(places, list, service, tracer)
    }

    /// The routes of the pattern at a position of ``patterns``.
    package func entry(at position: Int) -> Entry? { position < entries.count ? entries[position] : nil }

    /// The routes for a pattern as it was received, as JSON text.
    package func lookUp(received pattern: UnsafeRawBufferPointer) -> Entry? {
        table.lookUp(received: pattern).map { entries[$0] }
    }

    /// Runs the handlers of an entry, which is one of this router's: the first one answers, the others of an event only run.
    /// Call it where ``MessageContext`` and the service context are those of the message.
    package func run(
        _ entry: Entry, _ payload: Payload, _ sink: any ReplySink, context: any MessageContextSource
    ) async throws {
        if entry.isBare { return try await entry.body(payload, sink) }
        guard let tracer else { return try await handle(entry, payload, sink, context) }
        var surroundings = ServiceContext.current ?? .topLevel
        let span = tracer.startHandling(
            entry.command, &surroundings, service: service, peer: context.messageContext.peer)
        do {
            try await ServiceContext.withValue(surroundings) { try await handle(entry, payload, sink, context) }
            span.end(.success)
        } catch {
            span.end(CallOutcome(error))
            throw error
        }
    }

    private func handle(
        _ entry: Entry, _ payload: Payload, _ sink: any ReplySink, _ context: any MessageContextSource
    ) async throws {
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
            guard inner.metadata != call.metadata else { return try await handle(inner) }
            // What an interceptor lets travel on is the context's from here.
            return try await ServiceContext.withValue(.carrying(inner.metadata)) { try await handle(inner) }
        }
        let reply = try await handler(call)
        if let stream = reply.stream {
            for try await value in stream { try await sink.value(value) }
            sink.endStream()
        } else if let message = reply.message {
            // The value itself knows whether it may be compressed.
            if case .value(let value) = message.content { sink.reply(value) } else { sink.reply(message) }
        } else {
            sink.end()
        }
    }

    private func handle(_ call: Call) async throws -> Reply {
        if let values { return Reply(stream: try await values(call.message.payload)) }
        let keeper = ReplyKeeper()
        try await body(call.message.payload, keeper)
        return keeper.answer
    }
}

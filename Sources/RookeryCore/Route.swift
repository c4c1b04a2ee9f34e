public import NIOCore
public import RookeryWire

/// The payload of a message as it came: the bytes of `data`, not yet read.
public struct Payload: Sendable {
    /// The whole packet.
    public let body: ByteBuffer
    /// Where `data` lies in it; absent is JavaScript's `undefined`.
    public let range: ByteRange
    /// How it is written.
    public let format: ValueFormat

    /// Points at a part of a packet.
    @inlinable
    public init(body: ByteBuffer, range: ByteRange, format: ValueFormat = .json) {
        self.body = body
        self.range = range
        self.format = format
    }

    /// No payload.
    public static let absent = Payload(body: ByteBuffer(), range: .absent)

    /// Reads the payload as a message. Throws ``InvalidPayload`` with every violation, also when the bytes are no value of
    /// their format or are nested too deeply.
    @inlinable
    public func decode<Value: MessageValue>(_: Value.Type = Value.self, rules: DecodingRules = .all) throws -> Value {
        guard range.isPresent else {
            if let value = Value.whenAbsent { return value }
            throw InvalidPayload(violations: [Violation(path: "", constraint: "required", message: "is required")])
        }
        return try body.withBytes(of: range) { bytes in
            do {
                return try Value.decode(bytes, format: format, rules: rules)
            } catch let error as MalformedValue {
                throw InvalidPayload(error)
            }
        }
    }

    /// Reads the payload as any value; nil when it is absent.
    public func value() throws(MalformedValue) -> JSONValue? { try body.value(of: range, format: format) }
}

/// Where the answer to a message goes. Only the task that handles the message uses it.
public protocol ReplySink: AnyObject, Sendable {
    /// Sends the one reply.
    func reply(_ value: some MessageValue)
    /// Sends the end without a value: the reply of a command that returns nothing, and the end of a stream.
    func end()
    /// Sends one value of a stream. Suspends while the peer does not take what was sent; throws when it is gone.
    func value(_ value: some MessageValue) async throws
    /// What the last value of a stream was is not known before its end; the sink may hold a value back for an instant to
    /// merge the two. Sends the end of a stream, merged with the value when that was held.
    func endStream()
}

/// What a server does with the messages of one pattern.
public struct Route: Sendable {
    /// Runs the handler: reads the payload, and answers through the sink.
    public typealias Body = @Sendable (Payload, any ReplySink) async throws -> Void

    /// What is served.
    public let command: Command
    /// How.
    public let body: Body

    /// A route of the lowest kind.
    public init(_ command: Command, body: @escaping Body) {
        self.command = command
        self.body = body
    }

    /// A command with one reply.
    @inlinable
    public static func request<Request: MessageValue, Reply: MessageValue>(
        _ command: Command,
        _ handler: @escaping @Sendable (Request) async throws -> Reply
    ) -> Route {
        Route(command) { payload, sink in
            sink.reply(try await handler(try payload.decode(Request.self)))
        }
    }

    /// A command whose reply carries nothing.
    @inlinable
    public static func request<Request: MessageValue>(
        _ command: Command,
        _ handler: @escaping @Sendable (Request) async throws -> Void
    ) -> Route {
        Route(command) { payload, sink in
            try await handler(try payload.decode(Request.self))
            sink.end()
        }
    }

    /// A command answered by a stream.
    @inlinable
    public static func stream<Request: MessageValue, Value: MessageValue>(
        _ command: Command,
        _ handler: @escaping @Sendable (Request) async throws -> MessageStream<Value>
    ) -> Route {
        Route(command) { payload, sink in
            let values = try await handler(try payload.decode(Request.self))
            for try await value in values { try await sink.value(value) }
            sink.endStream()
        }
    }

    /// A command that takes and gives any JSON; nil is JavaScript's `undefined`, on both sides.
    public static func raw(
        _ pattern: Pattern,
        kind: CommandKind = .request,
        _ handler: @escaping @Sendable (JSONValue?) async throws -> (any MessageValue)?
    ) -> Route {
        Route(Command(pattern.route, pattern: pattern, kind: kind)) { payload, sink in
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

/// Finds the routes of a pattern.
public struct Router: Sendable {
    /// The routes of one pattern. The first one's answer is sent; events may have several, and all run.
    ///
    /// A class, because one is handed along with each message, and a reference is all that costs.
    public final class Entry: Sendable {
        /// What is served.
        public let command: Command
        /// Its place among the router's entries.
        public let position: Int
        /// Tells commands apart in this process, by their patterns.
        package let number: Int
        /// The handler whose answer is sent.
        package let body: Route.Body
        /// The other handlers of an event, in order of registration.
        let others: [Route.Body]

        init(_ routes: [Route], first: Route, position: Int) {
            self.position = position
            number = CommandNumbers.number(of: first.command.pattern.route)
            command = first.command
            body = first.body
            others = routes.dropFirst().map(\.body)
        }
    }

    /// Two commands that are no events have one pattern.
    public struct DuplicatePattern: Error, CustomStringConvertible {
        /// The pattern.
        public let pattern: Pattern
        /// The commands' names.
        public let commands: [String]
        /// Names pattern and commands.
        public var description: String {
            "the pattern \(pattern) is registered by \(commands.joined(separator: " and ")); only events may share one"
        }
    }

    private let table: RouteTable
    private let entries: [Entry]
    /// The commands served, in order of registration. A negotiated frame names one by its position.
    public var commands: [Command] { entries.map(\.command) }

    /// Makes a router; throws ``DuplicatePattern`` when two commands that are no events share a pattern.
    public init(_ routes: [Route]) throws(DuplicatePattern) {
        var order: [String] = []
        var byRoute: [String: [Route]] = [:]
        for route in routes {
            let key = route.command.pattern.route
            if byRoute[key] == nil { order.append(key) }
            byRoute[key, default: []].append(route)
        }
        var entries: [(key: String, value: Entry)] = []
        for key in order {
            let routes = byRoute[key] ?? []
            guard let first = routes.first else { continue }
            if routes.count > 1, routes.contains(where: { $0.command.kind != .event }) {
                throw DuplicatePattern(pattern: first.command.pattern, commands: routes.map(\.command.name))
            }
            entries.append((key, Entry(routes, first: first, position: entries.count)))
        }
        table = RouteTable(entries.map(\.key))
        self.entries = entries.map(\.value)
    }

    /// The routes of the pattern at a position of ``commands``.
    public func entry(at position: Int) -> Entry? { position < entries.count ? entries[position] : nil }

    /// The routes for a pattern as it was received, as JSON text.
    public func lookUp(received pattern: UnsafeRawBufferPointer) -> Entry? {
        table.lookUp(received: pattern).map { entries[$0] }
    }
}

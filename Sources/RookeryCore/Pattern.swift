public import RookeryWire

/// What a message is addressed to: a string, a number or an object, as the caller wrote it.
public struct Pattern: Sendable, Hashable, CustomStringConvertible, ExpressibleByStringLiteral {
    /// One reference: patterns are handed along with every call.
    private final class Storage: Sendable {
        let value: JSONValue
        let route: String
        /// `value` as JSON text.
        let requestBytes: [UInt8]
        /// `route` as a JSON string.
        let eventBytes: [UInt8]

        init(value: JSONValue, route: String) {
            self.value = value
            self.route = route
            requestBytes = value.bytes(as: .json)
            eventBytes = JSONValue.string(route).bytes(as: .json)
        }
    }

    private let storage: Storage

    /// The pattern as the caller wrote it; a request carries it unchanged.
    public var value: JSONValue { storage.value }
    /// The normal form: two patterns are the same when theirs are equal. Events carry it, as a string.
    public var route: String { storage.route }

    /// A pattern from any JSON value that Nest can match; nil for `null` and booleans.
    public init?(_ value: JSONValue) {
        guard let route = PatternNormalForm.route(of: value) else { return nil }
        self.init(value: value, route: route)
    }

    /// The pattern `{"cmd": <command>}`, the habit of Nest services.
    public init(cmd command: String) {
        let value: JSONValue = ["cmd": .string(command)]
        self.init(value: value, route: PatternNormalForm.route(of: value) ?? command)
    }

    /// An object pattern.
    public init(object: JSONObject) {
        let value = JSONValue.object(object)
        self.init(value: value, route: PatternNormalForm.route(of: value) ?? "{}")
    }

    /// A string pattern, the habit for events.
    public init(stringLiteral text: String) {
        self.init(value: .string(text), route: text)
    }

    /// A string pattern.
    public init(_ text: String) {
        self.init(stringLiteral: text)
    }

    private init(value: JSONValue, route: String) {
        storage = Storage(value: value, route: route)
    }

    /// The pattern's JSON text: as the caller wrote it for a request, the normal form in a string for an event.
    package func withBytes<R>(isEvent: Bool, _ body: (UnsafeRawBufferPointer) throws -> R) rethrows -> R {
        try (isEvent ? storage.eventBytes : storage.requestBytes).withUnsafeBytes(body)
    }

    /// The normal form.
    public var description: String { route }

    /// Patterns are equal when their normal forms are.
    public static func == (left: Pattern, right: Pattern) -> Bool { left.route == right.route }

    /// Hashes the normal form.
    public func hash(into hasher: inout Hasher) { hasher.combine(route) }
}

/// Whether a command may be sent twice for one call.
public enum Idempotency: String, Sendable, Hashable {
    /// A read.
    case safe
    /// A write that carries an idempotency key, which the server keeps with its effect.
    case keyed
    /// Anything else.
    case unsafe
}

/// How many messages answer a command.
public enum CommandKind: String, Sendable, Hashable {
    /// One reply.
    case request
    /// None.
    case event
    /// Any number of values over time.
    case stream
}

/// One declaration of a contract: what the server registers and the client sends.
public struct Command: Sendable, Hashable {
    /// One reference: commands are handed along with every call.
    private final class Storage: Sendable, Hashable {
        let name: String
        let pattern: Pattern
        let kind: CommandKind
        let idempotency: Idempotency
        let timeout: Duration?
        let group: String

        init(
            _ name: String, _ pattern: Pattern, _ kind: CommandKind, _ idempotency: Idempotency, _ timeout: Duration?,
            _ group: String
        ) {
            self.group = group
            self.name = name
            self.pattern = pattern
            self.kind = kind
            self.idempotency = idempotency
            self.timeout = timeout
        }

        static func == (left: Storage, right: Storage) -> Bool {
            left === right
                || left.name == right.name && left.pattern == right.pattern && left.kind == right.kind
                    && left.idempotency == right.idempotency && left.timeout == right.timeout
                    && left.group == right.group
        }

        func hash(into hasher: inout Hasher) {
            hasher.combine(name)
            hasher.combine(pattern)
        }
    }

    private let storage: Storage

    /// The name of the contract's method, for logs and traces.
    public var name: String { storage.name }
    /// What it is addressed to.
    public var pattern: Pattern { storage.pattern }
    /// Its name on the wire: what stands at `cmd`, or else the pattern's normal form.
    public var wireName: String { pattern.value["cmd"]?.stringValue ?? pattern.route }
    /// How many messages answer it.
    public var kind: CommandKind { storage.kind }
    /// Whether it may be sent twice. Default `.unsafe`.
    public var idempotency: Idempotency { storage.idempotency }
    /// How long a call may take when the caller says nothing; nil for the client's own default.
    public var timeout: Duration? { storage.timeout }
    /// The bulkhead the command is behind: commands of one group share a circuit breaker and a limit of calls, those of
    /// different groups cannot harm each other. Default ``defaultGroup``.
    public var group: String { storage.group }

    /// The group of commands that declare none.
    public static let defaultGroup = "default"

    /// Declares a command.
    public init(
        _ name: String,
        pattern: Pattern,
        kind: CommandKind = .request,
        idempotency: Idempotency = .unsafe,
        timeout: Duration? = nil,
        group: String = Command.defaultGroup
    ) {
        storage = Storage(name, pattern, kind, idempotency, timeout, group)
    }
}

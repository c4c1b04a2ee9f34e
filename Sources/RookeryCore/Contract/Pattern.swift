public import RookeryWire

/// The address of a message: a string, a number or an object, as the caller wrote it.
public struct Pattern: Sendable, Hashable, CustomStringConvertible, ExpressibleByStringLiteral {
    /// A class, because every call carries a pattern, and a reference is cheap to copy.
    private final class Storage: Sendable, Hashable {
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

        /// Equal if the normal forms are equal.
        static func == (left: Storage, right: Storage) -> Bool { left.route == right.route }

        func hash(into hasher: inout Hasher) { hasher.combine(route) }
    }

    private let storage: Storage

    /// The pattern as the caller wrote it. Requests carry it unchanged.
    package var value: JSONValue { storage.value }
    /// The normal form. Two patterns are equal if their normal forms are. Events carry it, as a string.
    package var route: String { storage.route }

    /// Creates a pattern from any JSON value that Nest can match. Nil for `null` and booleans.
    package init?(_ value: JSONValue) {
        guard let route = PatternNormalForm.route(of: value) else { return nil }
        self.init(value: value, route: route)
    }

    /// Creates the pattern `{"cmd": <command>}`, the convention of Nest services.
    public init(cmd command: String) {
        let value: JSONValue = ["cmd": .string(command)]
        self.init(value: value, route: PatternNormalForm.route(of: value) ?? command)
    }

    /// Creates an object pattern.
    public init(object: JSONObject) {
        let value = JSONValue.object(object)
        self.init(value: value, route: PatternNormalForm.route(of: value) ?? "{}")
    }

    /// Creates a string pattern, the convention for events.
    public init(stringLiteral text: String) {
        self.init(value: .string(text), route: text)
    }

    /// Creates a string pattern.
    public init(_ text: String) {
        self.init(stringLiteral: text)
    }

    private init(value: JSONValue, route: String) {
        storage = Storage(value: value, route: route)
    }

    /// Calls `body` with the pattern's JSON text. A request has it as the caller wrote it, an event its normal form as
    /// a string.
    package func withBytes<R>(isEvent: Bool, _ body: (UnsafeRawBufferPointer) throws -> R) rethrows -> R {
        try (isEvent ? storage.eventBytes : storage.requestBytes).withUnsafeBytes(body)
    }

    /// The normal form.
    public var description: String { route }
}

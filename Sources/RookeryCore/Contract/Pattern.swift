public import RookeryWire

/// What a message is addressed to: a string, a number or an object, as the caller wrote it.
public struct Pattern: Sendable, Hashable, CustomStringConvertible, ExpressibleByStringLiteral {
    /// One reference: patterns are handed along with every call.
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

        /// Equal when the normal forms are.
        static func == (left: Storage, right: Storage) -> Bool { left.route == right.route }

        func hash(into hasher: inout Hasher) { hasher.combine(route) }
    }

    private let storage: Storage

    /// The pattern as the caller wrote it; a request carries it unchanged.
    package var value: JSONValue { storage.value }
    /// The normal form: two patterns are the same when theirs are equal. Events carry it, as a string.
    package var route: String { storage.route }

    /// A pattern from any JSON value that Nest can match; nil for `null` and booleans.
    package init?(_ value: JSONValue) {
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
}

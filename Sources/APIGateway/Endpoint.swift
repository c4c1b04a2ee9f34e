import HTTPTypes
import Hummingbird
import PetProContracts
import Rookery

/// One operation of the HTTP API: what is documented and what is served are the same value.
struct Endpoint: Sendable {
    enum Access: Sendable {
        case everybody
        case roles([Role])
    }

    let method: HTTPRequest.Method
    /// With parameters in braces: `/api/bookings/{id}`.
    let path: String
    let summary: String
    let access: Access
    /// The schema of the body, if it has one.
    let body: Schema?
    /// Parameters of the query.
    let query: [(name: String, schema: Schema)]
    /// The statuses it answers with, besides 500.
    let statuses: [Int]
    /// Checks what can be checked without asking a service.
    let check: @Sendable (GatewayCall) throws -> Void
    let handle: @Sendable (GatewayCall) async throws -> Response

    init(
        _ method: HTTPRequest.Method, _ path: String, _ summary: String, _ access: Access = .everybody,
        query: [(name: String, schema: Schema)] = [], statuses: [Int],
        handle: @escaping @Sendable (GatewayCall) async throws -> Response
    ) {
        self.method = method
        self.path = path
        self.summary = summary
        self.access = access
        self.body = nil
        self.query = query
        self.statuses = statuses
        self.check = { _ in }
        self.handle = handle
    }

    /// An operation with a body, which is checked before anything else happens: a request that is wrong causes no call.
    init<Body: DescribedMessage>(
        _ method: HTTPRequest.Method, _ path: String, _ summary: String, _ access: Access = .everybody, body: Body.Type,
        statuses: [Int], handle: @escaping @Sendable (GatewayCall, Body) async throws -> Response
    ) {
        self.method = method
        self.path = path
        self.summary = summary
        self.access = access
        self.body = Body.schema
        self.query = []
        self.statuses = statuses
        self.check = { _ = try $0.message(Body.self) }
        self.handle = { try await handle($0, try $0.message(Body.self)) }
    }

    /// The path as Hummingbird's router takes it.
    var routerPath: RouterPath { RouterPath(path) }
}

/// A body whose schema is written beside it.
protocol DescribedMessage: Message {
    static var schema: Schema { get }
}

/// A JSON schema, as OpenAPI 3.1 takes it.
struct Schema: Sendable {
    let json: JSONValue

    static func string(min: Int? = nil, max: Int? = nil, format: String? = nil, pattern: String? = nil) -> Schema {
        var object: JSONObject = ["type": "string"]
        object["minLength"] = min.map { .int(Int64($0)) }
        object["maxLength"] = max.map { .int(Int64($0)) }
        object["format"] = format.map { .string($0) }
        object["pattern"] = pattern.map { .string($0) }
        return Schema(json: .object(object))
    }

    static func integer(_ range: ClosedRange<Int>? = nil) -> Schema {
        var object: JSONObject = ["type": "integer"]
        object["minimum"] = range.map { .int(Int64($0.lowerBound)) }
        object["maximum"] = range.map { .int(Int64($0.upperBound)) }
        return Schema(json: .object(object))
    }

    static let boolean = Schema(json: ["type": "boolean"])

    static func oneOf<Value: CaseIterable & RawRepresentable<String>>(_: Value.Type) -> Schema {
        Schema(json: ["type": "string", "enum": .array(Value.allCases.map { .string($0.rawValue) })])
    }

    static func array(_ element: Schema, _ count: ClosedRange<Int>) -> Schema {
        Schema(json: [
            "type": "array", "items": element.json, "minItems": .int(Int64(count.lowerBound)),
            "maxItems": .int(Int64(count.upperBound)),
        ])
    }

    /// An object; members whose name ends in `?` are optional.
    static func object(_ members: KeyValuePairs<String, Schema>) -> Schema {
        var properties = JSONObject()
        var required: [JSONValue] = []
        for (name, schema) in members {
            if name.hasSuffix("?") {
                properties[String(name.dropLast())] = schema.json
            } else {
                properties[name] = schema.json
                required.append(.string(name))
            }
        }
        return Schema(json: ["type": "object", "properties": .object(properties), "required": .array(required)])
    }

    static let email = string(max: 254, format: "email")
    static let instant = string(format: "date-time")
    static let date = string(format: "date")
    static let money = object(["amountMinor": integer(), "currency": oneOf(Currency.self)])
}

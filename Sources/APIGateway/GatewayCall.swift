import HTTPTypes
import Hummingbird
import NIOCore
import PetProContracts
import Rookery

/// One HTTP request, as an endpoint sees it.
struct GatewayCall: Sendable {
    let request: Request
    let context: GatewayContext
    let body: ByteBuffer
    let traceId: String
    /// Who calls; nil at public endpoints, and where no token is needed and none was sent.
    var user: TokenUser?

    /// The caller, at an endpoint that is not public.
    var caller: TokenUser {
        get throws {
            guard let user else { throw Problem.unauthenticated("A token is needed.") }
            return user
        }
    }

    /// The number in the path. One that is none names nothing, like one that nothing has.
    func id(orElse missing: Problem) throws -> Int {
        guard let text = context.parameters.get("id"), let id = Int(text), ID.range.contains(id) else { throw missing }
        return id
    }

    /// A message made of parameters of the query: numbers and booleans as such, everything else as text. Throws
    /// ``Rookery/InvalidPayload`` with every one that is wrong.
    func query<Value: Message>(_ names: [String], numbers: Set<String> = [], as: Value.Type = Value.self) throws
        -> Value
    {
        var object = JSONObject()
        for name in names {
            guard let text = request.uri.queryParameters.get(name) else { continue }
            object[name] = numbers.contains(name) ? Int64(text).map { .int($0) } ?? .string(text) : .string(text)
        }
        return try Value.decode(json: JSONValue.object(object).jsonText)
    }

    /// The body as a message. Throws ``Rookery/InvalidPayload`` with every field that is wrong, or a 400.
    func message<Value: Message>(_: Value.Type = Value.self) throws -> Value {
        do {
            return try body.withUnsafeReadableBytes { try Value.decode($0, format: .json, rules: .all) }
        } catch let error as MalformedValue {
            throw Problem(.badRequest, "INVALID_JSON", "The body is not JSON: \(error).")
        }
    }

    /// The `Idempotency-Key` header field; nil when there is none.
    func idempotencyKey() throws -> String? {
        guard let key = request.headers[.idempotencyKey] else { return nil }
        guard (1...128).contains(key.utf8.count), key.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            throw Problem.invalid([
                Violation(
                    path: "Idempotency-Key", constraint: "length",
                    message: "must have 1 to 128 visible ASCII characters")
            ])
        }
        return key
    }
}

extension HTTPField.Name {
    /// `Idempotency-Key`
    static let idempotencyKey = HTTPField.Name("Idempotency-Key") ?? .ifMatch
    /// `X-Trace-Id`: the trace a response belongs to.
    static let traceId = HTTPField.Name("X-Trace-Id") ?? .server
    /// `X-PetPro-Calls`: the calls between services that a request caused, in demo mode.
    static let petProCalls = HTTPField.Name("X-PetPro-Calls") ?? .server
}

extension Response {
    /// A message as JSON.
    static func json(
        _ value: some MessageValue, status: HTTPResponse.Status = .ok, headers: HTTPFields = HTTPFields()
    ) -> Response {
        json(text: value.json, status: status, headers: headers)
    }

    /// Text that is JSON.
    static func json(
        text: String, status: HTTPResponse.Status = .ok, headers: HTTPFields = HTTPFields()
    ) -> Response {
        var headers = headers
        headers[.contentType] = "application/json"
        return Response(status: status, headers: headers, body: ResponseBody(byteBuffer: ByteBuffer(string: text)))
    }

    /// A message as JSON that concerns one account, or one moment: nothing keeps it.
    static func privateJSON(_ value: some MessageValue, status: HTTPResponse.Status = .ok) -> Response {
        json(value, status: status, headers: [.cacheControl: "no-store"])
    }
}

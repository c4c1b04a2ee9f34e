import HTTPTypes
import Hummingbird
import NIOCore
import PetProContracts
import Rookery

/// One HTTP request, as an endpoint sees it.
struct GatewayCall: Sendable {
    let request: Request
    var context: GatewayContext
    let body: ByteBuffer

    /// Who calls; nil at public endpoints, and where no token is needed and none was sent.
    var user: TokenUser? { context.user }

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

    /// A message made of the parameters of the query: those that are numbers or truth values by the message's declaration are
    /// read as such. Throws ``Rookery/InvalidPayload`` with every one that is wrong.
    func query<Value: Message>(_: Value.Type = Value.self, hiding hidden: Set<String> = []) throws -> Value {
        var object = JSONObject()
        for field in Schema(of: Value.self).fields where !hidden.contains(field.name) {
            guard let text = request.uri.queryParameters.get(field.name) else { continue }
            object[field.name] = field.isText ? .string(text) : Self.scalar(text)
        }
        return try Value.decode(json: JSONValue.object(object).jsonText)
    }

    private static func scalar(_ text: String) -> JSONValue {
        switch text {
        case "true": true
        case "false": false
        default: Int64(text).map { .int($0) } ?? .string(text)
        }
    }

    /// The body as a message, with the members that are given. Throws ``Rookery/InvalidPayload`` with every field that is
    /// wrong, or a 400.
    func message<Value: Message>(_: Value.Type = Value.self, given: GivenMembers) throws -> Value {
        do {
            return try body.withUnsafeReadableBytes { try Value.decode($0, format: .json, given: given) }
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
    /// `traceparent` (W3C Trace Context).
    static let traceparent = HTTPField.Name("traceparent") ?? .from
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
}

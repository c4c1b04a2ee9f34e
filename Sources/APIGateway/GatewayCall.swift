import HTTPTypes
import Hummingbird
import NIOCore
import PetProContracts
import Rookery

/// One HTTP request with its body, as handlers get it.
struct GatewayCall: Sendable {
    let request: Request
    var context: GatewayContext
    let body: ByteBuffer

    /// The caller's account. Nil at public endpoints, and when an optional token is absent.
    var user: TokenUser? { context.user }

    /// The caller's account. Throws a 401 when there is none.
    var caller: TokenUser {
        get throws {
            guard let user else { throw Problem.unauthenticated("A token is needed.") }
            return user
        }
    }

    /// Returns the `id` in the path. Throws `missing` when it is not an integer in ``ID/range``, as for an unknown id.
    func id(orElse missing: Problem) throws -> Int {
        guard let text = context.parameters.get("id"), let id = Int(text), ID.range.contains(id) else { throw missing }
        return id
    }

    /// Decodes the query parameters as a message, without the members in `hidden`.
    ///
    /// Parameters of fields that are not text are read as Booleans or integers. Throws ``Rookery/InvalidPayload`` with
    /// every invalid parameter.
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

    /// Decodes the JSON body as a message, with the members of `given`. Throws ``Rookery/InvalidPayload`` with every
    /// invalid field, or a 400 `INVALID_JSON` when the body is not JSON.
    func message<Value: Message>(_: Value.Type = Value.self, given: GivenMembers) throws -> Value {
        do {
            return try body.withUnsafeReadableBytes { try Value.decode($0, format: .json, given: given) }
        } catch let error as MalformedValue {
            throw Problem.invalidJSON("The body is not JSON: \(error).")
        }
    }

    /// Returns the `Idempotency-Key` header field, or nil when there is none. Throws a 400 unless it has 1 to 128
    /// visible ASCII characters.
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
    /// Makes a JSON response of a message.
    static func json(
        _ value: some MessageValue, status: HTTPResponse.Status = .ok, headers: HTTPFields = HTTPFields()
    ) -> Response {
        json(text: value.json, status: status, headers: headers)
    }

    /// Makes a JSON response of text that is already JSON.
    static func json(
        text: String, status: HTTPResponse.Status = .ok, headers: HTTPFields = HTTPFields()
    ) -> Response {
        var headers = headers
        headers[.contentType] = "application/json"
        return Response(status: status, headers: headers, body: ResponseBody(byteBuffer: ByteBuffer(string: text)))
    }
}

import HTTPTypes
import PetProContracts
import Rookery

/// Generates the OpenAPI 3.1 document from the operations that the gateway serves.
///
/// Schemas and examples come from the messages, and errors from the commands that an operation calls.
struct OpenAPI {
    private var schemas = JSONSchemaWriter(references: "#/components/schemas/")
    private var paths = JSONObject()

    /// Returns the document of `endpoints`.
    static func document(_ endpoints: [Endpoint]) -> JSONValue {
        var document = OpenAPI()
        for endpoint in endpoints { document.add(endpoint) }
        return document.jsonValue
    }

    private var jsonValue: JSONValue {
        var definitions = schemas.definitions
        definitions["Problem"] = Self.problem
        return [
            "openapi": "3.1.0",
            "info": [
                "title": "PetPro", "version": "0.1.0", "license": ["name": "Apache 2.0", "identifier": "Apache-2.0"],
                "description": "Bookings of pet care: vendors, bookings, products.",
            ],
            "servers": [["url": "/"]],
            "paths": .object(paths),
            "components": [
                "securitySchemes": ["bearer": ["type": "http", "scheme": "bearer", "bearerFormat": "JWT"]],
                "schemas": .object(definitions),
            ],
        ]
    }

    private mutating func add(_ endpoint: Endpoint) {
        guard case .object(var item) = paths[endpoint.path] ?? .object([:]) else { return }
        item[endpoint.method.rawValue.lowercased()] = operation(endpoint)
        paths[endpoint.path] = .object(item)
    }

    private mutating func operation(_ endpoint: Endpoint) -> JSONValue {
        var operation: JSONObject = [
            "operationId": .string(endpoint.id), "summary": .string(endpoint.summary),
            "tags": [.string(Self.tag(endpoint))],
        ]
        let parameters = parameters(endpoint)
        if !parameters.isEmpty { operation["parameters"] = .array(parameters) }
        if let body = endpoint.body {
            operation["requestBody"] = [
                "required": true,
                "content": [
                    "application/json": [
                        "schema": schemas.schema(of: body.schema, without: body.given),
                        "example": SchemaExample.value(of: body.schema, without: body.given),
                    ]
                ],
            ]
        }
        operation["responses"] = .object(responses(endpoint))
        switch endpoint.access {
        case .anyone: break
        case .anyoneOrKnown: operation["security"] = [["bearer": []], [:]]
        case .roles(let roles, _):
            operation["security"] = [["bearer": []]]
            operation["x-roles"] = .array(roles.map { .string($0.rawValue) })
        }
        return .object(operation)
    }

    /// Returns the first segment of the path, without `/api`.
    private static func tag(_ endpoint: Endpoint) -> String {
        let parts = endpoint.path.split(separator: "/")
        return String((parts.first == "api" ? parts.dropFirst().first : parts.first) ?? "api")
    }

    private mutating func parameters(_ endpoint: Endpoint) -> [JSONValue] {
        let names = endpoint.path.split(separator: "/").filter { $0.hasPrefix("{") }.map { $0.dropFirst().dropLast() }
        var parameters: [JSONValue] = names.map { name in
            [
                "name": .string(String(name)), "in": "path", "required": true, "example": 1,
                "schema": [
                    "type": "integer", "minimum": .int(Int64(ID.range.lowerBound)),
                    "maximum": .int(Int64(ID.range.upperBound)),
                ],
            ]
        }
        for field in endpoint.query {
            parameters.append([
                "name": .string(field.name), "in": "query", "required": .bool(field.isRequired),
                "schema": Self.withoutNull(schemas.schema(of: field)), "example": SchemaExample.value(of: field),
            ])
        }
        if endpoint.isKeyed {
            parameters.append([
                "name": "Idempotency-Key", "in": "header", "required": false, "example": "my-first-booking",
                "description":
                    "A repeated request with the same key takes effect once and gets the same response, for 24 hours.",
                "schema": ["type": "string", "minLength": 1, "maxLength": 128, "pattern": "^[!-~]+$"],
            ])
        }
        return parameters
    }

    /// Removes `null` from a schema, because an absent parameter is not null.
    private static func withoutNull(_ schema: JSONValue) -> JSONValue {
        guard case .object(var object) = schema else { return schema }
        if let types = object["type"]?.arrayValue { object["type"] = types.first { $0 != "null" } }
        if let options = object["anyOf"]?.arrayValue, let first = options.first { return first }
        return .object(object)
    }

    // MARK: Responses

    private mutating func responses(_ endpoint: Endpoint) -> JSONObject {
        var responses = JSONObject()
        responses[String(endpoint.output.status.code)] = .object(success(endpoint.output))
        for (status, problems) in Self.problems(endpoint).sorted(by: { $0.key < $1.key }) {
            responses[String(status)] = Self.response(problems)
        }
        return responses
    }

    private mutating func success(_ output: Endpoint.Output) -> JSONObject {
        var headers: JSONObject = ["X-Trace-Id": ["schema": ["type": "string"], "description": "The id of the trace."]]
        if output.hasLocation { headers["Location"] = ["schema": ["type": "string", "format": "uri-reference"]] }
        var response: JSONObject = [
            "description": .string(output.status.reasonPhrase), "headers": .object(headers),
        ]
        guard let schema = output.schema else { return response }
        let example: JSONValue =
            output.mediaType == "application/json"
            ? SchemaExample.value(of: schema) : "event: snapshot\ndata: {\"type\":\"snapshot\",\"productId\":1}\n\n"
        response["content"] = [output.mediaType: ["schema": schemas.schema(of: schema), "example": example]]
        return response
    }

    /// Returns the errors of an operation by status: those that its commands declare, and the gateway's own.
    static func problems(_ endpoint: Endpoint) -> [Int: [Problem]] {
        var all: [Problem] = [.internalError, .outOfMemory, .badRequest("The request is not HTTP."), .requestTimeout]
        all += endpoint.calls.flatMap { $0.errors ?? [] }.map { code in
            Problem(answering: RemoteError(code, "The request was refused: \(code.rawValue)."))
        }
        if !endpoint.calls.isEmpty {
            all += [
                Problem(answering: CallError(.timeout, "")), Problem(answering: CallError(.cannotConnect, "")),
                Problem(answering: CallError(.invalidReply, "")), Problem(answering: RemoteError(.overloaded, "")),
            ].compactMap { $0 }
        }
        if !endpoint.calls.isEmpty, endpoint.body != nil || !endpoint.query.isEmpty {
            all.append(.ruleBroken([Self.violation]))
        }
        if endpoint.body != nil {
            all += [
                .invalid([Self.violation]), .invalidJSON("The body is not JSON: unexpected end of text at byte 0."),
                .tooLarge(limit: HTTPLimits().body), .unsupportedMediaType,
            ]
        }
        if endpoint.isLimited { all.append(.tooManyRequests(retryAfterSeconds: 3)) }
        if !endpoint.query.isEmpty || endpoint.isKeyed { all.append(.invalid([Self.violation])) }
        switch endpoint.access {
        case .anyone: break
        case .anyoneOrKnown: all.append(.unauthenticated("The token is not valid: expired."))
        case .roles(_, let evenPending):
            all += [.unauthenticated("The token is not valid: expired."), .forbidden("The role may not do this.")]
            if !evenPending { all.append(.accountPending) }
        }
        all += endpoint.refusals
        return Dictionary(grouping: all, by: { Int($0.status.code) })
    }

    private static let violation = Violation(path: "name", constraint: "required", message: "is required")

    private static func response(_ problems: [Problem]) -> JSONValue {
        var codes: [JSONValue] = []
        for problem in problems where !codes.contains(.string(problem.code)) { codes.append(.string(problem.code)) }
        let first = problems[0]
        var headers: JSONObject = ["X-Trace-Id": ["schema": ["type": "string"], "description": "The id of the trace."]]
        if problems.contains(where: { $0.retryAfterSeconds != nil }) {
            headers["Retry-After"] = ["schema": ["type": "integer"], "description": "Seconds."]
        }
        return [
            "description": .string(first.status.reasonPhrase), "headers": .object(headers),
            "content": [
                "application/problem+json": [
                    "schema": [
                        "allOf": [
                            ["$ref": "#/components/schemas/Problem"],
                            ["properties": ["code": ["enum": .array(codes)]]],
                        ]
                    ],
                    "example": first.jsonValue(traceId: "4bf92f3577b34da6a3ce929d0e0e4736"),
                ]
            ],
        ]
    }

    /// The schema of an error. `traceId` is optional, because a refusal for overload has no trace.
    private static let problem: JSONValue = [
        "type": "object", "description": "An error (RFC 9457).",
        "properties": [
            "type": ["type": "string"], "title": ["type": "string"], "status": ["type": "integer"],
            "code": ["type": "string", "description": "The reason, for programs."],
            "detail": ["type": "string", "description": "The reason, for people."],
            "traceId": ["type": "string", "description": "The trace, as in `X-Trace-Id`."],
            "errors": [
                "type": "array", "description": "Every field that is wrong.",
                "items": [
                    "type": "object",
                    "properties": [
                        "path": ["type": "string"], "constraint": ["type": "string"], "message": ["type": "string"],
                    ], "required": ["path", "constraint", "message"],
                ],
            ],
        ],
        "required": ["type", "title", "status", "code", "detail"],
    ]
}

import HTTPTypes
import PetProContracts
import Rookery

/// The description of the HTTP API, made of the endpoints that are served.
enum OpenAPI {
    static func document(_ endpoints: [Endpoint]) -> JSONValue {
        var paths = JSONObject()
        for endpoint in endpoints {
            guard case .object(var item) = paths[endpoint.path] ?? .object([:]) else { continue }
            item[endpoint.method.rawValue.lowercased()] = operation(endpoint)
            paths[endpoint.path] = .object(item)
        }
        return [
            "openapi": "3.1.0",
            "info": [
                "title": "PetPro", "version": "0.1.0",
                "description": "Bookings of pet care: vendors, bookings, products.",
            ],
            "paths": .object(paths),
            "components": [
                "securitySchemes": ["bearer": ["type": "http", "scheme": "bearer", "bearerFormat": "JWT"]],
                "schemas": ["Problem": problem],
            ],
        ]
    }

    private static func operation(_ endpoint: Endpoint) -> JSONValue {
        var operation: JSONObject = ["summary": .string(endpoint.summary)]
        let names = endpoint.path.split(separator: "/").filter { $0.hasPrefix("{") }.map { $0.dropFirst().dropLast() }
        var parameters: [JSONValue] = names.map { name in
            ["name": .string(String(name)), "in": "path", "required": true, "schema": Schema.id.json]
        }
        for (name, schema) in endpoint.query {
            parameters.append(["name": .string(name), "in": "query", "schema": schema.json])
        }
        if !parameters.isEmpty { operation["parameters"] = .array(parameters) }
        if let body = endpoint.body {
            operation["requestBody"] = [
                "required": true, "content": ["application/json": ["schema": body.json]],
            ]
        }
        var responses = JSONObject()
        for status in endpoint.statuses + [500] {
            var response: JSONObject = [
                "description": .string(HTTPResponse.Status(code: status).reasonPhrase)
            ]
            if status >= 400 {
                response["content"] = [
                    "application/problem+json": ["schema": ["$ref": "#/components/schemas/Problem"]]
                ]
            }
            responses[String(status)] = .object(response)
        }
        operation["responses"] = .object(responses)
        switch endpoint.access {
        case .everybody: break
        case .everybodyOrKnown: operation["security"] = [["bearer": []], [:]]
        case .roles(let roles, _):
            operation["security"] = [["bearer": []]]
            operation["x-roles"] = .array(roles.map { .string($0.rawValue) })
        }
        return .object(operation)
    }

    /// A request that was refused for overload has no trace.
    private static let problem: JSONValue = [
        "type": "object",
        "properties": [
            "type": ["type": "string"], "title": ["type": "string"], "status": ["type": "integer"],
            "code": ["type": "string"], "detail": ["type": "string"], "traceId": ["type": "string"],
            "errors": [
                "type": "array",
                "items": [
                    "type": "object",
                    "properties": [
                        "path": ["type": "string"], "constraint": ["type": "string"], "message": ["type": "string"],
                    ],
                ],
            ],
        ],
        "required": ["type", "title", "status", "code", "detail"],
    ]
}

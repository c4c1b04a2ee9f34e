import NIOHTTP1
import PetProContracts
import PetProTesting
import Rookery
import RookeryCore
import Testing

@testable import APIGateway
import HTTPTypes

@Suite("Bodies")
struct BodyTests {
    /// The places that are wrong by the answer; none when it is not about the body.
    private static func violations(
        _ endpoint: Endpoint, _ body: JSONValue, _ http: HTTP
    ) async throws -> [String] {
        let path = endpoint.path.split(separator: "{").first.map { $0 + (endpoint.path.contains("{") ? "1" : "") }
        let rest = endpoint.path.split(separator: "}").dropFirst().joined()
        // The body is looked at before the token is.
        let answer = try await http.send(
            HTTPMethod(rawValue: endpoint.method.rawValue), "\(path ?? "")\(rest)", body, token: "none")
        guard answer.status == 400 else { return [] }
        return answer.body["errors"]?.arrayValue?.compactMap { $0["path"]?.stringValue } ?? ["?"]
    }

    @Test("are taken at the bounds that their schemas state, and refused beyond them, at that place")
    func bounds() async throws {
        var limits = HTTPLimits()
        // It is about members, not about how much they are together.
        limits.body = 1_048_576
        try await TestPlatform().serving(limits: limits) { gateway in
            let document = gateway.gateway.openAPI
            let endpoints = gateway.gateway.endpoints.filter { $0.body != nil }
            #expect(endpoints.count > 12)
            for endpoint in endpoints {
                let operation = try #require(
                    document["paths"]?[endpoint.path]?[endpoint.method.rawValue.lowercased()])
                let schema = try #require(InlinedSchema.body(of: operation, in: document))
                let largest = BodySample.largest(schema, unique: "a")
                #expect(try await Self.violations(endpoint, largest, gateway.http) == [], "\(endpoint.id): the largest")
                let excesses = BodySample.excesses(schema, unique: "a")
                #expect(!excesses.isEmpty)
                for excess in excesses {
                    let paths = try await Self.violations(endpoint, excess.body, gateway.http)
                    #expect(
                        paths.contains { $0.hasPrefix(excess.path) },
                        "\(endpoint.id), \(excess.path): \(excess.kind) gives \(paths)")
                }
            }
        }
    }

    @Test("cannot set what comes from the path, the token or the gateway")
    func given() async throws {
        try await TestPlatform().serving { gateway in
            let http = gateway.http
            let body: JSONValue = [
                "email": "eve@petpro.example", "password": "correct horse", "name": "Eve", "role": "admin",
                "registrationKey": "of another", "attempt": "of another", "id": 7,
            ]
            let account = try await http.send(.POST, "/api/auth/register", body)
            #expect(account.status == 201 && account.body["role"] == "customer" && account.body["id"] != 7)
            let token = try await http.signIn("eve@petpro.example", "correct horse")
            let pet = try await http.send(
                .POST, "/api/pets", ["name": "Rex", "species": "dog", "ownerId": 1], token: token)
            #expect(pet.status == 201 && pet.body["ownerId"] == account.body["id"])
        }
    }

    @Test("have examples in the API's description that are taken")
    func examples() async throws {
        try await TestPlatform().serving { gateway in
            let document = gateway.gateway.openAPI
            for endpoint in gateway.gateway.endpoints where endpoint.body != nil {
                let operation = document["paths"]?[endpoint.path]?[endpoint.method.rawValue.lowercased()]
                let example = try #require(
                    operation?["requestBody"]?["content"]?["application/json"]?["example"])
                #expect(try await Self.violations(endpoint, example, gateway.http) == [], "\(endpoint.id)")
            }
        }
    }
}

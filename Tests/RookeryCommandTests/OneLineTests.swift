import Foundation
import HTTPTypes
import Rookery
import RookeryTesting
import Testing

@testable import APIGateway

// The same message before and after a field was added: one line more, in one place.
private enum Before {
    @Message struct Pet {
        @Line(1...60) var name: String
    }
}

private enum After {
    @Message struct Pet {
        @Line(1...60) var name: String
        @InRange(1...200) var weight: Int
    }
}

@Contract private protocol BeforeAPI: Sendable {
    @MessagePattern(cmd: "enter-pet") func enterPet(_ pet: Before.Pet) async throws -> Before.Pet
}

@Contract private protocol AfterAPI: Sendable {
    @MessagePattern(cmd: "enter-pet") func enterPet(_ pet: After.Pet) async throws -> After.Pet
}

private struct BeforeService: BeforeAPI {
    func enterPet(_ pet: Before.Pet) async throws -> Before.Pet { pet }
}

private struct AfterService: AfterAPI {
    func enterPet(_ pet: After.Pet) async throws -> After.Pet { pet }
}

/// What five readers of the declaration say about the field.
private struct Views {
    /// What the service answers to a pet without a weight, and to one that is too heavy, over TCP.
    var refusals: [String] = []
    /// What `rookery call` says about one that is too heavy, before it sends anything.
    var call = ""
    /// The property in the answer of `rookery describe --json`.
    var description: JSONValue?
    /// The lines of `rookery describe --typescript` that name it.
    var typescript: [String] = []
    /// The property of the request body in the gateway's OpenAPI document.
    var openAPI: JSONValue?

    init<Pet: Message>(_: Pet.Type, of service: RookeryService) async throws {
        let server = try RookeryServer(.init(port: 0), services: service)
        let endpoint = Endpoint.with(body: Pet.self, reply: Pet.self, .post, "/pets", "enterPet", "", .init()) { $1 }
        let document = OpenAPI.document([endpoint])
        openAPI = document["components"]?["schemas"]?["Pet"]?["properties"]?["weight"]
        self = try await withRookeryServer(server) { [self] server in
            var views = self
            let port = try await server.listeningAddress.port
            let address = "127.0.0.1:\(port)"
            try await withRookeryClient(.init("pets", at: address)) { client in
                for pet: JSONValue in [["name": "Rex"], ["name": "Rex", "weight": 201]] {
                    do {
                        _ = try await client.send(Pattern(cmd: "enter-pet"), pet)
                    } catch let error as RemoteError {
                        views.refusals += (error.details?.arrayValue ?? []).map {
                            "\($0["path"]?.stringValue ?? "") \($0["constraint"]?.stringValue ?? "")"
                        }
                    }
                }
            }
            views.call = try await rookery("call", address, "enter-pet", #"{"name":"Rex","weight":201}"#).errors
            let description = try JSONValue(parsing: try await rookery("describe", address, "--json").output)
            views.description = description["schemas"]?["Pet"]?["properties"]?["weight"]
            views.typescript = try await rookery("describe", address, "--typescript").output.split(separator: "\n")
                .map { $0.trimmingCharacters(in: .whitespaces) }.filter { $0.hasPrefix("weight") }
            return views
        }
    }
}

@Suite("A field that is added to a message by one line")
struct OneLineTests {
    @Test("is checked, and shows in OpenAPI, in the description, in TypeScript, and in rookery call")
    func oneLine() async throws {
        let before = try await Views(Before.Pet.self, of: BeforeAPIContract.service(BeforeService()))
        #expect(before.refusals.isEmpty && before.description == nil && before.openAPI == nil)
        #expect(before.typescript.isEmpty && before.call.contains("weight: unknown field"))

        let after = try await Views(After.Pet.self, of: AfterAPIContract.service(AfterService()))
        #expect(after.refusals == ["weight required", "weight range"])
        let schema: JSONValue = ["type": "integer", "minimum": 1, "maximum": 200]
        #expect(after.description == schema && after.openAPI == schema)
        #expect(after.typescript == ["weight: number;"])
        #expect(after.call.contains("weight: must be at most 200"))
    }
}

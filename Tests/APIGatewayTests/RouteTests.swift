import Foundation
import HTTPTypes
import NIOHTTP1
import PetProContracts
import PetProTesting
import Rookery
import Testing

@testable import APIGateway

@Suite("What a path answers to", .timeLimit(.minutes(1)))
struct RouteTests {
    @Test("has HEAD like GET without the body, OPTIONS with its methods, and 405 with them for any other")
    func methods() async throws {
        let platform = try await TestPlatform()
        try await platform.serving { gateway in
            let http = gateway.http
            let paths = Set(gateway.gateway.endpoints.map(\.path)).sorted()
            for path in paths {
                let own = gateway.gateway.endpoints.filter { $0.path == path }.map(\.method.rawValue)
                let concrete = path.replacing("{id}", with: "9001")
                let options = try await http.send(.OPTIONS, concrete)
                let allowed = options.headers.first(name: "Allow") ?? ""
                let expected = Set(own + ["OPTIONS"] + (own.contains("GET") ? ["HEAD"] : []))
                #expect(options.status == 204 && Set(allowed.components(separatedBy: ", ")) == expected, "\(path)")
                for method in [HTTPMethod.GET, .POST, .PUT, .PATCH, .DELETE, .TRACE, .PROPFIND]
                where !own.contains(method.rawValue) {
                    let answer = try await http.send(method, concrete)
                    #expect(answer.status == 405 && answer.code == "METHOD_NOT_ALLOWED", "\(method) \(path)")
                    #expect(answer.headers.first(name: "Allow") == allowed)
                }
                if !own.contains("GET") {
                    #expect(try await http.send(.HEAD, concrete).status == 405, "HEAD \(path)")
                }
            }
        }
    }

    @Test("has for HEAD the status and the fields of GET, and no body")
    func head() async throws {
        let platform = try await TestPlatform()
        try await platform.serving { gateway in
            let http = gateway.http
            for path in [
                "/health/live", "/api/vendors", "/api/vendors/1", "/api/products/9001/availability", "/nowhere",
            ] {
                let get = try await http.get(path)
                let head = try await http.send(.HEAD, path)
                #expect(head.status == get.status && head.body == .null, "\(path)")
                for name in ["Content-Type", "Content-Length"] {
                    #expect(head.headers.first(name: name) == get.headers.first(name: name), "\(path) \(name)")
                }
            }
            let stream = try await http.send(.HEAD, "/api/products/9001/inventory/stream")
            #expect(stream.status == 200 && stream.headers.first(name: "Content-Type") == "text/event-stream")
            #expect(await gateway.gateway.hub.streamCount == 0)
            #expect(try await http.send(.HEAD, "/api/products/77/inventory/stream").status == 404)
        }
    }

    @Test("has the trace's id in every answer, and in a problem's body the same one")
    func traceIDs() async throws {
        let platform = try await TestPlatform()
        try await platform.serving { gateway in
            let answers = [
                try await gateway.http.get("/health/live"), try await gateway.http.get("/nowhere"),
                try await gateway.http.send(.DELETE, "/api/vendors"), try await gateway.http.get("/api/me"),
                try await gateway.http.send(.OPTIONS, "/api/vendors"),
            ]
            for answer in answers {
                let id = try #require(answer.headers.first(name: "X-Trace-Id"))
                if let named = answer.body["traceId"]?.stringValue { #expect(named == id) }
            }
            #expect(Set(answers.compactMap { $0.headers.first(name: "X-Trace-Id") }).count == answers.count)
        }
    }

    @Test("takes no token of more than 4096 characters for one")
    func longTokens() async throws {
        let platform = try await TestPlatform()
        try await platform.serving { gateway in
            let answer = try await gateway.http.get("/api/me", token: String(repeating: "x", count: 4097))
            #expect(answer.status == 401 && answer.headers.contains(name: "WWW-Authenticate"))
        }
    }
}

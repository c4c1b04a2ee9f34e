import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import PetProTesting
import Rookery
import RookeryTesting
import Testing

@testable import APIGateway

@Suite("What a browser is told")
struct BrowserTests {
    private func fields(
        _ port: Int, _ method: HTTPMethod, _ path: String, _ headers: [(String, String)] = [], body: String? = nil
    ) async throws -> (status: UInt, headers: HTTPHeaders) {
        var request = HTTPClientRequest(url: "http://127.0.0.1:\(port)\(path)")
        request.method = method
        for (name, value) in headers { request.headers.add(name: name, value: value) }
        if let body { request.body = .bytes(ByteBuffer(string: body)) }
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(10))
        _ = try await response.body.collect(upTo: 1 << 20)
        return (response.status.code, response.headers)
    }

    @Test("keeps it from guessing types, loading, framing and leaking where it was, in responses of every kind")
    func headers() async throws {
        try await TestPlatform().serving { gateway in
            for (method, path) in [
                (HTTPMethod.GET, "/api/vendors"), (.GET, "/nowhere"), (.DELETE, "/api/vendors"),
                (.OPTIONS, "/api/vendors"),
                (.HEAD, "/openapi.json"),
            ] {
                let headers = try await fields(gateway.port, method, path).headers
                #expect(headers["X-Content-Type-Options"] == ["nosniff"])
                #expect(headers["Content-Security-Policy"] == ["default-src 'none'; frame-ancestors 'none'"])
                #expect(headers["Referrer-Policy"] == ["no-referrer"])
                #expect(headers["Strict-Transport-Security"].isEmpty)
            }
        }
        #expect(String(buffer: Overloaded.bytes(hasBody: true, isLast: false)).contains("nosniff"))
    }

    @Test("lets pages of the origins in the list call the API, and no others")
    func origins() async throws {
        try await TestPlatform().serving(change: { $0.origins = "https://petpro.example, http://localhost:3000" }) {
            gateway in
            for (origin, isAllowed) in [
                ("https://petpro.example", true), ("http://localhost:3000", true),
                ("https://petpro.example.evil", false),
                ("null", false),
            ] {
                let get = try await fields(gateway.port, .GET, "/api/vendors", [("Origin", origin)]).headers
                #expect(get["Access-Control-Allow-Origin"] == (isAllowed ? [origin] : []))
                #expect(get["Vary"] == ["Origin"] && get["Access-Control-Allow-Credentials"].isEmpty)
                let asked = try await fields(
                    gateway.port, .OPTIONS, "/api/bookings",
                    [("Origin", origin), ("Access-Control-Request-Method", "POST")])
                #expect(asked.status == 204)
                #expect(asked.headers["Access-Control-Allow-Methods"].isEmpty != isAllowed)
                #expect(
                    (asked.headers.first(name: "Access-Control-Allow-Headers") ?? "").contains("Authorization")
                        == isAllowed)
            }
        }
        try await TestPlatform().serving { gateway in
            let get = try await fields(gateway.port, .GET, "/api/vendors", [("Origin", "https://petpro.example")])
                .headers
            #expect(get["Access-Control-Allow-Origin"].isEmpty && get["Vary"].isEmpty)
        }
        for text in ["petpro.example", "https://", "https://a/b", "https://A.example", "*"] {
            #expect(throws: InvalidSetting.self, "\(text)") { try AllowedOrigins(text) }
        }
    }

    @Test("is that bodies must be application/json")
    func contentType() async throws {
        try await TestPlatform().serving { gateway in
            let body = #"{"email":"maya@petpro.example","password":"petpro-demo"}"#
            for (type, status) in [
                ("application/json", UInt(200)), ("application/json; charset=utf-8", 200), ("Application/JSON", 200),
                ("text/plain", 415), ("application/x-www-form-urlencoded", 415), ("application/jsonp", 415), ("", 415),
            ] {
                let headers = type.isEmpty ? [] : [("Content-Type", type)]
                let answer = try await fields(gateway.port, .POST, "/api/auth/login", headers, body: body)
                #expect(answer.status == status, "\(type)")
            }
        }
    }

    @Test("comes over TLS, and says to use nothing else")
    func encrypted() async throws {
        let folder = NSTemporaryDirectory() + "https-\(UUID())"
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let authority = try DevelopmentAuthority()
        let issued = try authority.issue(["127.0.0.1"])
        for (name, text) in [
            ("pem", issued.certificate), ("key", issued.key), ("authority", authority.issued.certificate),
        ] {
            try text.write(toFile: "\(folder)/\(name)", atomically: true, encoding: .utf8)
        }
        try await TestPlatform().serving(change: {
            $0.tls.certificate = folder + "/pem"
            $0.tls.key = folder + "/key"
        }) { gateway in
            let output = try await RunningProgram(
                URL(filePath: "/usr/bin/curl"),
                ["-sS", "-i", "--cacert", folder + "/authority", "https://127.0.0.1:\(gateway.port)/api/vendors"])
            #expect(await output.exitCode() == 0)
            _ = await output.line("\u{0}")
            #expect(output.printed.hasPrefix("HTTP/1.1 200") && output.printed.contains("Marigold"))
            #expect(output.printed.contains("Strict-Transport-Security: max-age=31536000"))
            let distrusting = try await RunningProgram(
                URL(filePath: "/usr/bin/curl"), ["-sS", "https://127.0.0.1:\(gateway.port)/api/vendors"],
                errorsTo: folder + "/errors")
            #expect(await distrusting.exitCode() == 60)
        }
    }
}

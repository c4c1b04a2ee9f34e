import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import Rookery
import RookeryTesting
import Testing

/// A value that must be there; unlike the macro it can stand inside another.
func need<Value>(_ value: Value?) throws -> Value { try #require(value) }

/// An answer over HTTP.
struct Answer: Sendable {
    let status: Int
    let headers: HTTPHeaders
    let body: JSONValue
    var code: String? { body["code"]?.stringValue }
}

/// A client of a platform's HTTP side.
struct HTTP: Sendable {
    let url: String

    func send(
        _ method: HTTPMethod, _ path: String, _ body: JSONValue? = nil, token: String? = nil, key: String? = nil
    ) async throws -> Answer {
        var request = HTTPClientRequest(url: url + path)
        request.method = method
        if let token { request.headers.add(name: "Authorization", value: "Bearer \(token)") }
        if let key { request.headers.add(name: "Idempotency-Key", value: key) }
        if let body { request.body = .bytes(ByteBuffer(string: body.jsonText)) }
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(60))
        let bytes = try await response.body.collect(upTo: 1 << 22)
        let value = bytes.readableBytes == 0 ? JSONValue.null : try JSONValue(parsing: bytes.readableBytesView)
        return Answer(status: Int(response.status.code), headers: response.headers, body: value)
    }

    func post(_ path: String, _ body: JSONValue, token: String? = nil, key: String? = nil) async throws -> Answer {
        try await send(.POST, path, body, token: token, key: key)
    }

    func get(_ path: String, token: String? = nil) async throws -> Answer { try await send(.GET, path, token: token) }

    func signIn(_ email: String, _ password: String = "petpro-demo") async throws -> String {
        let answer = try await post("/api/auth/login", ["email": .string(email), "password": .string(password)])
        return try need(answer.body["accessToken"]?.stringValue)
    }

    /// A vendor of its own that is always open, with one service of 30 minutes for dogs.
    func makeVendor(capacity: Int) async throws -> (id: Int, service: Int, token: String) {
        let name = UUID().uuidString
        let vendor = try await post(
            "/api/vendors",
            [
                "user": ["email": .string("\(name)@petpro.example"), "password": "correct horse", "name": "V"],
                "vendor": [
                    "businessName": "Test", "type": "grooming", "timeZone": "UTC", "currency": "EUR",
                    "capacity": .int(Int64(capacity)),
                ],
            ])
        #expect(vendor.status == 201, "\(vendor.body.jsonText)")
        let id = try need(vendor.body["id"]?.intValue)
        let token = try await signIn("\(name)@petpro.example", "correct horse")
        // The event that activates the account is on its way.
        while try await get("/api/me", token: token).status != 200 { await Task.yield() }
        let hours: [JSONValue] = (1...7).map { ["weekday": .int($0), "open": "00:00", "close": "24:00"] }
        let set = try await send(.PUT, "/api/vendors/\(id)/hours", ["hours": .array(hours)], token: token)
        #expect(set.status == 200)
        let service = try await post(
            "/api/vendors/\(id)/services",
            [
                "name": "Walk", "durationMinutes": 30, "price": ["amountMinor": 1000, "currency": "EUR"],
                "species": ["dog"],
            ], token: token)
        return (id, try need(service.body["id"]?.intValue), token)
    }

    func makePet(_ token: String) async throws -> Int {
        let pet = try await post("/api/pets", ["name": "Bob", "species": "dog"], token: token)
        return try need(pet.body["id"]?.intValue)
    }
}

/// Half past some hour, in a few days.
func start(_ slot: Int = 0) -> String {
    let day = Int64(Date().timeIntervalSince1970) / 86_400 + 3
    return Instant(milliseconds: day * 86_400_000 + Int64(slot) * 1_800_000).description
}

/// `petpro up`, running, with its data in a folder of its own.
struct RunningPlatform: Sendable {
    let http: HTTP
    let program: RunningProgram
    let data: String

    static func running<Result: Sendable>(
        _ arguments: [String] = [], _ body: (RunningPlatform) async throws -> Result
    ) async throws -> Result {
        let data = NSTemporaryDirectory() + "petpro-" + UUID().uuidString
        let platform = try await start(data: data, arguments)
        do {
            let result = try await body(platform)
            platform.program.send(SIGTERM)
            #expect(await platform.program.exitCode() == 0)
            try? FileManager.default.removeItem(atPath: data)
            return result
        } catch {
            platform.program.send(SIGKILL)
            throw error
        }
    }

    static func start(data: String, _ arguments: [String] = []) async throws -> RunningPlatform {
        let program = try RunningProgram(
            RunningProgram.url("petpro"),
            [
                "up", "--demo", "--data", data, "--password-cost", "10", "--http", "127.0.0.1:0", "--base-port",
                String(try await FreePorts.first(of: 8)),
            ] + arguments)
        let line = try need(await program.line("ready "))
        return RunningPlatform(http: HTTP(url: String(line.dropFirst("ready ".count))), program: program, data: data)
    }
}

import Foundation
import NIOHTTP1
import PetProTesting
import Rookery
import RookeryTesting
import Testing

@Suite("Services in processes of their own", .serialized, .timeLimit(.minutes(2)))
struct ServeTests {
    @Test("fail as the platform says when another one is down, and leave nothing behind")
    func partialPlatform() async throws {
        let data = NSTemporaryDirectory() + "petpro-" + UUID().uuidString
        defer { try? FileManager.default.removeItem(atPath: data) }
        let port = try await FreePorts.first(of: 4)
        var environment: [String: String] = [:]
        for (at, name) in ["AUTH", "BOOKING", "VENDOR", "PRODUCT"].enumerated() {
            environment["PETPRO_\(name)"] = "127.0.0.1:\(port + at)"
        }
        func serve(_ part: String) async throws -> (RunningProgram, String) {
            let program = try await RunningProgram(
                RunningProgram.url("petpro"),
                ["serve", part, "--data", data, "--demo", "--http", "127.0.0.1:0", "--password-cost", "10"],
                environment: environment)
            return (program, try need(await program.line("ready ")))
        }
        let (gateway, line) = try await serve("gateway")
        let http = HTTP(url: String(line.dropFirst("ready ".count)))
        let registration: JSONValue = [
            "user": ["email": "down@petpro.example", "password": "correct horse", "name": "D"],
            "vendor": ["businessName": "Down", "type": "walking", "timeZone": "UTC", "currency": "EUR"],
        ]
        // Auth is down: 503, never 401.
        let noAuth = try await http.post(
            "/api/bookings", ["vendorId": 1, "serviceId": 1, "petId": 1, "start": .string(start())], token: "x.y.z")
        #expect(noAuth.status == 503 && noAuth.headers.contains(name: "Retry-After"))
        #expect(try await http.post("/api/vendors", registration).status == 503)
        #expect(try await http.get("/health/ready").status == 503)
        #expect(try await http.get("/health/live").status == 200)

        let (auth, _) = try await serve("auth")
        let (booking, _) = try await serve("booking")
        // Vendor is down, which refuses nothing: the account waits for it, and nothing is booked.
        #expect(try await http.post("/api/vendors", registration).status == 503)
        let login = try await http.post(
            "/api/auth/login", ["email": "down@petpro.example", "password": "correct horse"])
        let pending = try await http.get("/api/me", token: try need(login.body["accessToken"]?.stringValue))
        #expect(pending.body["state"] == "pending_vendor")
        let maya = try await http.signIn("maya@petpro.example")
        let wish: JSONValue = ["vendorId": 1, "serviceId": 1, "petId": 1, "start": .string(start())]
        let refused = try await http.post("/api/bookings", wish, token: maya)
        #expect(refused.status == 503 && refused.code == "DEPENDENCY_UNAVAILABLE")
        let bookings = try await http.get("/api/bookings", token: maya)
        #expect(bookings.body["items"]?.arrayValue?.isEmpty == true)

        // Vendor is back: the next call reaches it, without anybody being restarted.
        let (vendor, _) = try await serve("vendor")
        #expect(try await http.post("/api/vendors", registration).status == 201)
        for program in [gateway, auth, booking, vendor] {
            program.send(SIGTERM)
            #expect(await program.exitCode() == 0)
        }
    }

    @Test("show their health and metrics at a port of their own, and log more when a signal asks for it")
    func observed() async throws {
        let data = NSTemporaryDirectory() + "petpro-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: data, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: data) }
        let port = try await FreePorts.first(of: 2)
        let errors = data + "/errors"
        let program = try await RunningProgram(
            RunningProgram.url("petpro"),
            [
                "serve", "vendor", "--data", data + "/petpro", "--listen", "127.0.0.1:\(port)", "--metrics",
                "127.0.0.1:\(port + 1)", "--log-format", "json",
            ], errorsTo: errors)
        _ = try need(await program.line("ready "))
        let http = HTTP(url: "http://127.0.0.1:\(port + 1)")
        let ready = try await http.get("/health/ready")
        #expect(ready.status == 200 && ready.body["status"] == "ready")
        #expect(try await http.get("/health/live").status == 200)
        try await eventually {
            let metrics = try await http.get("/metrics").body.stringValue ?? ""
            return metrics.contains(#"petpro_events_lacking{service="vendor",subscriber="booking"} 0"#)
                && metrics.contains(#"rookery_client_instances{caller="vendor",destination="booking""#)
                && metrics.contains(#"petpro_database_jobs_waiting{service="vendor"}"#)
        }
        program.send(SIGUSR1)
        try await eventually {
            let lines = try String(contentsOfFile: errors, encoding: .utf8).split(separator: "\n")
            return try lines.map { try JSONValue(parsing: String($0)) }.contains {
                $0["message"] == "the log level changed" && $0["logLevel"] == "info"
            }
        }
        program.send(SIGTERM)
        #expect(await program.exitCode() == 0)
    }
}

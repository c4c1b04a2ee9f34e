import NIOHTTP1
import AsyncHTTPClient
import Foundation
import NIOCore
import PetProContracts
import PetProStorage
import Rookery
import RookeryTesting
import Synchronization
import Testing

private func wish(_ vendor: (id: Int, service: Int, token: String), _ pet: Int, slot: Int) -> JSONValue {
    [
        "vendorId": .int(Int64(vendor.id)), "serviceId": .int(Int64(vendor.service)), "petId": .int(Int64(pet)),
        "start": .string(start(slot)),
    ]
}

/// The bookings whose 201 has arrived.
private final class Acknowledged: Sendable {
    let ids = Mutex<[Int]>([])
}

@Suite("The running platform", .serialized)
struct PlatformTests {
    @Test("gives the last place to one of 200, and one booking to 200 with one key")
    func races() async throws {
        try await RunningPlatform.running { platform in
            let http = platform.http
            let vendor = try await http.makeVendor(capacity: 1)
            let maya = try await http.signIn("maya@petpro.example")
            var made: [Int] = []
            for _ in 0..<200 { made.append(try await http.makePet(maya)) }
            let pets = made

            let statuses = try await withThrowingTaskGroup(of: Answer.self) { group in
                for pet in pets {
                    group.addTask { try await http.post("/api/bookings", wish(vendor, pet, slot: 20), token: maya) }
                }
                return try await group.reduce(into: [String: Int]()) { counts, answer in
                    let reason = answer.body["reason"]?.stringValue ?? ""
                    counts["\(answer.status) \(reason)", default: 0] += 1
                }
            }
            #expect(statuses == ["201 ": 1, "409 full": 199])

            let bodies = try await withThrowingTaskGroup(of: Answer.self) { group in
                for _ in 0..<200 {
                    group.addTask {
                        try await http.post("/api/bookings", wish(vendor, pets[0], slot: 30), token: maya, key: "one")
                    }
                }
                return try await group.reduce(into: Set<String>()) { bodies, answer in
                    bodies.insert("\(answer.status) \(answer.body.jsonText)")
                }
            }
            #expect(bodies.count == 1 && bodies.first?.hasPrefix("201 ") == true)
            let other = try await http.post("/api/bookings", wish(vendor, pets[1], slot: 30), token: maya, key: "one")
            #expect(other.status == 422 && other.code == "KEY_REUSED")

            let database = try Database(path: "\(platform.data)/booking.sqlite", migrations: [])
            let rows = try await database.read { try $0.rows("SELECT id FROM bookings").count }
            #expect(rows == 2)
            try database.close()
        }
    }

    @Test("loses no acknowledged booking and no event when it is killed under load")
    func killed() async throws {
        let data = NSTemporaryDirectory() + "petpro-" + UUID().uuidString
        let first = try await RunningPlatform.start(data: data)
        let http = first.http
        let vendor = try await http.makeVendor(capacity: 200)
        let maya = try await http.signIn("maya@petpro.example")
        var pets: [Int] = []
        for _ in 0..<8 { pets.append(try await http.makePet(maya)) }
        let acknowledged = Acknowledged()
        // Eight callers book until the platform is gone; it is killed in the middle of that.
        await withTaskGroup(of: Void.self) { group in
            for pet in pets {
                group.addTask {
                    for slot in 0..<1000 {
                        guard
                            let answer = try? await http.post(
                                "/api/bookings", wish(vendor, pet, slot: slot), token: maya)
                        else { return }
                        guard answer.status == 201, let id = answer.body["id"]?.intValue else { continue }
                        let count = acknowledged.ids.withLock { ids in
                            ids.append(id)
                            return ids.count
                        }
                        if count == 60 { first.program.send(SIGKILL) }
                    }
                }
            }
        }
        #expect(await first.program.exitCode() == -SIGKILL)
        let ids = acknowledged.ids.withLock { $0 }
        #expect(ids.count >= 60)

        let second = try await RunningPlatform.start(data: data)
        let token = try await second.http.signIn("maya@petpro.example")
        for id in ids {
            #expect(try await second.http.get("/api/bookings/\(id)", token: token).status == 200)
        }
        let bookings = try Database(path: "\(data)/booking.sqlite", migrations: [])
        let vendors = try Database(path: "\(data)/vendor.sqlite", migrations: [])
        let deadline = ContinuousClock.now + .seconds(30)
        func undelivered() async throws -> Int {
            try await bookings.read { try $0.rows("SELECT id FROM outbox WHERE delivered_at IS NULL").count }
        }
        while try await undelivered() > 0, ContinuousClock.now < deadline { await Task.yield() }
        #expect(try await undelivered() == 0)
        let saved = try await bookings.read { try $0.rows("SELECT id FROM bookings").map { try $0.int("id") } }
        let agenda = try await vendors.read {
            try $0.rows("SELECT booking_id FROM agenda").map { try $0.int("booking_id") }
        }
        #expect(Set(ids).isSubset(of: saved) && Set(saved) == Set(agenda))
        try bookings.close()
        try vendors.close()
        second.program.send(SIGTERM)
        #expect(await second.program.exitCode() == 0)
        try? FileManager.default.removeItem(atPath: data)
    }

    @Test("runs several instances of a service, balances over them, and they agree on everything")
    func instances() async throws {
        try await RunningPlatform.running(["--instances", "booking=2,vendor=3"]) { platform in
            let http = platform.http
            let vendor = try await http.makeVendor(capacity: 1)
            let maya = try await http.signIn("maya@petpro.example")
            var pets: [Int] = []
            for _ in 0..<20 { pets.append(try await http.makePet(maya)) }
            // One place, and callers at both instances.
            let statuses = try await withThrowingTaskGroup(of: Int.self) { [pets] group in
                for pet in pets {
                    group.addTask {
                        try await http.post("/api/bookings", wish(vendor, pet, slot: 20), token: maya).status
                    }
                }
                return try await group.reduce(into: [Int: Int]()) { $0[$1, default: 0] += 1 }
            }
            #expect(statuses == [201: 1, 409: 19])
            let ready = try await http.get("/health/ready")
            #expect(ready.status == 200)
            func instances(_ service: String) -> [JSONValue] {
                ready.body["services"]?[service]?["instances"]?.arrayValue ?? []
            }
            #expect(instances("booking").count == 2 && instances("vendor").count == 3 && instances("auth").count == 1)
            // Each answers for itself.
            var names: Set<String> = []
            for instance in instances("vendor") {
                let at = try need(Instance(instance["address"]?.stringValue ?? ""))
                let report = try await RookeryClient(host: at.host, port: at.port).send(Health.pattern, .null)
                names.insert(report?["instance"]?.stringValue ?? "")
                #expect(report?["status"] == "ready" && report?["checks"]?["database"]?["status"] == "up")
            }
            #expect(names.count == 3)
        }
    }

    @Test("answers wrong requests with a problem that names what is wrong")
    func problems() async throws {
        try await RunningPlatform.running { platform in
            let http = platform.http
            let maya = try await http.signIn("maya@petpro.example")
            let marigold = try await http.signIn("marigold@petpro.example")

            let invalid = try await http.post("/api/bookings", ["vendorId": 0, "start": "soon"], token: maya)
            #expect(invalid.status == 400 && invalid.headers.first(name: "Content-Type") == "application/problem+json")
            #expect(
                invalid.body["errors"]?.arrayValue?.compactMap { $0["path"]?.stringValue }
                    == ["start", "serviceId", "petId", "vendorId"] || invalid.body["errors"]?.arrayValue?.count == 4)
            #expect(invalid.headers.first(name: "X-PetPro-Calls") == nil, "a wrong request must cause no call")
            let noJSON = try await http.send(.POST, "/api/pets", "x", token: maya)
            #expect(noJSON.status == 400)

            let missing = try await http.post("/api/bookings", [:])
            #expect(missing.status == 401 && missing.headers.contains(name: "WWW-Authenticate"))
            #expect(missing.body["traceId"]?.stringValue == missing.headers.first(name: "X-Trace-Id"))
            #expect(try await http.get("/api/pets", token: marigold).status == 403)
            #expect(
                try await http.send(.PATCH, "/api/vendors/4/status", ["status": "active"], token: marigold).status
                    == 403)

            // Somebody else's booking and vendor look as if they did not exist.
            let vendor = try await http.makeVendor(capacity: 1)
            let booked = try await http.post("/api/bookings", wish(vendor, 1, slot: 20), token: maya)
            let path = "/api/bookings/\(try need(booked.body["id"]?.intValue))"
            #expect(booked.headers.first(name: "Location") == path)
            #expect(try await http.get(path, token: maya).status == 200)
            #expect(try await http.get(path, token: vendor.token).status == 200)
            let dewi = try await http.signIn("dewi@petpro.example")
            #expect(try await http.get(path, token: dewi).status == 404)
            #expect(try await http.get(path, token: marigold).status == 404)
            #expect(try await http.send(.PUT, "/api/vendors/1/hours", ["hours": []], token: vendor.token).status == 404)
            let stolen = try await http.post("/api/bookings", wish(vendor, 1, slot: 24), token: dewi)
            #expect(stolen.status == 404 && stolen.code == "PET_NOT_FOUND")

            // The vendor moves it on, and then the customer cannot cancel.
            let confirmed = try await http.send(.PATCH, path + "/status", ["status": "confirmed"], token: vendor.token)
            #expect(confirmed.body["status"] == "confirmed")
            let wrong = try await http.send(.PATCH, path + "/status", ["status": "completed"], token: vendor.token)
            #expect(wrong.status == 409 && wrong.code == "INVALID_TRANSITION")
            let cancelled = try await http.post(path + "/cancel", ["reason": "ill"], token: maya)
            #expect(cancelled.body["cancel"]?["by"] == "customer")

            let past: JSONValue = ["vendorId": 1, "serviceId": 1, "petId": 1, "start": "2020-01-01T10:00:00Z"]
            #expect(try await http.post("/api/bookings", past, token: maya).status == 422)
            #expect(try await http.get("/api/products/9999/availability").status == 404)
            let none = try await http.get("/api/products/9003/availability")
            #expect(none.body["available"] == false && none.body["reason"] == "out_of_stock")
            #expect(try await http.get("/api/vendors/4").status == 404)
            #expect(try await http.get("/nowhere").code == "NOT_FOUND")
        }
    }

    @Test("registers a vendor once per key")
    func registrationKeys() async throws {
        try await RunningPlatform.running { platform in
            let http = platform.http
            func register(_ name: String, key: String?) async throws -> Answer {
                try await http.post(
                    "/api/vendors",
                    [
                        "user": ["email": "r@petpro.example", "password": "correct horse", "name": "R"],
                        "vendor": [
                            "businessName": .string(name), "type": "walking", "timeZone": "UTC", "currency": "EUR",
                        ],
                    ], key: key)
            }
            let first = try await register("First", key: "k")
            let again = try await register("First", key: "k")
            #expect(first.status == 201 && again.status == 201 && first.body == again.body)
            let other = try await register("Second", key: "k")
            #expect(other.status == 422 && other.code == "KEY_REUSED")
            let taken = try await register("First", key: nil)
            #expect(taken.status == 409 && taken.code == "EMAIL_TAKEN")
        }
    }

    @Test("shows stock live: what there is, then what changes")
    func stockStream() async throws {
        try await RunningPlatform.running { platform in
            let http = platform.http
            let maya = try await http.signIn("maya@petpro.example")
            let missing = try await http.get("/api/products/9999/inventory/stream")
            #expect(missing.status == 404)
            let response = try await HTTPClient.shared.execute(
                HTTPClientRequest(url: http.url + "/api/products/9001/inventory/stream"), timeout: .seconds(60))
            #expect(response.headers.first(name: "Content-Type") == "text/event-stream")
            var text = ""
            var reserved = false
            for try await bytes in response.body {
                text += String(buffer: bytes)
                if text.contains("event: snapshot-end\n"), !reserved {
                    reserved = true
                    let hold = try await http.post(
                        "/api/products/9001/reservations", ["quantity": 2], token: maya, key: "hold")
                    #expect(hold.status == 201)
                }
                if text.contains("event: change\n"), text.hasSuffix("\n\n") { break }
            }
            #expect(text.hasPrefix("retry: 3000\n\nevent: snapshot\n"))
            #expect(text.contains("\"available\":37"))
            #expect(text.contains("\"reason\":\"hold\"") && text.contains("\"available\":35"))
            #expect(text.contains("\nid: "))
        }
    }

    @Test("describes every operation it serves, and serves every operation it describes")
    func openAPI() async throws {
        let expected: Set = [
            "POST /api/auth/register", "POST /api/auth/login", "POST /api/auth/refresh", "POST /api/auth/logout",
            "GET /api/me", "POST /api/vendors", "GET /api/vendors", "GET /api/vendors/{id}",
            "GET /api/vendors/{id}/services", "GET /api/vendors/{id}/availability", "PUT /api/vendors/{id}/hours",
            "POST /api/vendors/{id}/services", "PATCH /api/vendors/{id}/status", "GET /api/products",
            "GET /api/products/{id}", "GET /api/products/{id}/availability", "GET /api/products/{id}/inventory/stream",
            "GET /api/inventory/stream", "POST /api/products", "POST /api/products/{id}/inventory",
            "POST /api/products/{id}/reservations", "DELETE /api/reservations/{id}", "POST /api/bookings",
            "GET /api/bookings", "GET /api/bookings/{id}", "POST /api/bookings/{id}/cancel",
            "PATCH /api/bookings/{id}/status", "GET /api/pets", "POST /api/pets", "GET /health/live",
            "GET /health/ready",
            "GET /openapi.json",
        ]
        try await RunningPlatform.running { platform in
            let document = try await platform.http.get("/openapi.json").body
            #expect(document["openapi"] == "3.1.0")
            guard case .object(let paths)? = document["paths"] else {
                Issue.record("no paths")
                return
            }
            var described: Set<String> = []
            for (path, item) in paths {
                guard case .object(let operations) = item else { continue }
                for (method, operation) in operations {
                    described.insert("\(method.uppercased()) \(path)")
                    // Those do not end; another test reads them.
                    if path.hasSuffix("/stream") { continue }
                    let answer = try await platform.http.send(
                        .init(rawValue: method.uppercased()), path.replacing("{id}", with: "9001"),
                        method == "get" ? nil : [:])
                    // Whatever it answers, it is not that there is no such path.
                    #expect(answer.code != "NOT_FOUND" || path == "/api/vendors/{id}", "\(method) \(path)")
                    #expect(operation["responses"]?["\(answer.status)"] != nil, "\(method) \(path) \(answer.status)")
                    let isProtected = operation["security"] != nil
                    #expect(isProtected == (answer.status == 401), "\(method) \(path)")
                }
            }
            #expect(described == expected)
        }
    }
}

@Suite("Services in processes of their own", .serialized)
struct ServeTests {
    @Test("fail as the platform says when another one is down, and leave nothing behind")
    func partialPlatform() async throws {
        let data = NSTemporaryDirectory() + "petpro-" + UUID().uuidString
        let port = try await FreePorts.first(of: 4)
        var environment: [String: String] = [:]
        for (at, name) in ["AUTH", "BOOKING", "VENDOR", "PRODUCT"].enumerated() {
            environment["PETPRO_\(name)"] = "127.0.0.1:\(port + at)"
        }
        func serve(_ part: String) async throws -> (RunningProgram, String) {
            let program = try RunningProgram(
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
        // Vendor is down: the account is taken back, and nothing is booked.
        #expect(try await http.post("/api/vendors", registration).status == 503)
        let login = try await http.post(
            "/api/auth/login", ["email": "down@petpro.example", "password": "correct horse"])
        #expect(login.status == 401 && login.code == "BAD_CREDENTIALS")
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
        try? FileManager.default.removeItem(atPath: data)
    }

    @Test("say what is wrong with an address or a port")
    func wrongUse() async throws {
        let program = try RunningProgram(
            RunningProgram.url("petpro"), ["serve", "booking"], environment: ["PETPRO_VENDOR": "nowhere"])
        #expect(await program.exitCode() == 1)
        let alone = try RunningProgram(RunningProgram.url("petpro"), ["demo", "--url", "http://127.0.0.1:1"])
        #expect(await alone.exitCode() == 1)
        for arguments in [["up", "--instances", "booking=0"], ["up", "--instances", "billing=2"]] {
            #expect(await (try RunningProgram(RunningProgram.url("petpro"), arguments)).exitCode() == 64)
        }
        // Which of several is it to be?
        let several = try RunningProgram(
            RunningProgram.url("petpro"), ["serve", "booking", "--booking", "127.0.0.1:1,127.0.0.1:2"])
        #expect(await several.exitCode() == 1)
        let setting = try RunningProgram(
            RunningProgram.url("petpro"), ["up"], environment: ["ROOKERY_CLIENT_BREAKER_PROBES": "0"])
        #expect(await setting.exitCode() == 1)
        let limit = try RunningProgram(
            RunningProgram.url("petpro"), ["up"], environment: ["ROOKERY_SERVICES_AUTH_LIMITS_IN_FLIGHT": "none"])
        #expect(await limit.exitCode() == 1)
        let noFile = try RunningProgram(RunningProgram.url("petpro"), ["up", "--config", "/nowhere.json"])
        #expect(await noFile.exitCode() == 1)
        let unknown = try RunningProgram(RunningProgram.url("petpro"), ["serve", "billing"])
        #expect(await unknown.exitCode() == 64)
    }
}

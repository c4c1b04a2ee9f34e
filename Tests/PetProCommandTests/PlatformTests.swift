import NIOHTTP1
import AsyncHTTPClient
import Foundation
import NIOCore
import PetProContracts
import PetProStorage
import PetProTesting
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

/// What callers were told: the bookings whose 201 has arrived, and how many of them were left without an answer.
private final class Told: Sendable {
    let acknowledged = Mutex<[Int]>([])
    let unanswered = Mutex(0)
}

@Suite("The running platform", .serialized, .timeLimit(.minutes(3)))
struct PlatformTests {
    @Test("gives the last place to one of 200, and one booking to 200 with one key")
    func races() async throws {
        try await RunningPlatform.running { platform in
            let http = platform.http
            let vendor = try await http.makeVendor(capacity: 1)
            // No account may have so many pets: four customers with fifty each.
            let owners = try await withThrowingTaskGroup(of: (token: String, pets: [Int]).self) { group in
                for _ in 0..<4 {
                    group.addTask {
                        let token = try await http.makeCustomer()
                        var pets: [Int] = []
                        for _ in 0..<50 { pets.append(try await http.makePet(token)) }
                        return (token, pets)
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }

            let statuses = try await withThrowingTaskGroup(of: Answer.self) { group in
                for (token, pets) in owners {
                    for pet in pets {
                        group.addTask {
                            try await http.post("/api/bookings", wish(vendor, pet, slot: 20), token: token)
                        }
                    }
                }
                return try await group.reduce(into: [String: Int]()) { counts, answer in
                    let reason = answer.body["reason"]?.stringValue ?? ""
                    counts["\(answer.status) \(reason)", default: 0] += 1
                }
            }
            #expect(statuses == ["201 ": 1, "409 full": 199])

            let (token, pets) = owners[0]
            let bodies = try await withThrowingTaskGroup(of: Answer.self) { group in
                for _ in 0..<200 {
                    group.addTask {
                        try await http.post("/api/bookings", wish(vendor, pets[0], slot: 30), token: token, key: "one")
                    }
                }
                return try await group.reduce(into: Set<String>()) { bodies, answer in
                    bodies.insert("\(answer.status) \(answer.body.jsonText)")
                }
            }
            #expect(bodies.count == 1 && bodies.first?.hasPrefix("201 ") == true)
            let other = try await http.post("/api/bookings", wish(vendor, pets[1], slot: 30), token: token, key: "one")
            #expect(other.status == 422 && other.code == "KEY_REUSED")

            let database = try Database(inspecting: "\(platform.data)/booking.sqlite")
            let rows = try await database.read { try $0.table("SELECT id FROM bookings").count }
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
        let told = Told()
        // Eight callers book, more than it is killed after; it is killed in the middle of that.
        await withTaskGroup(of: Void.self) { group in
            for pet in pets {
                group.addTask {
                    for slot in 0..<12 {
                        guard
                            let answer = try? await http.post(
                                "/api/bookings", wish(vendor, pet, slot: slot), token: maya)
                        else {
                            told.unanswered.withLock { $0 += 1 }
                            return
                        }
                        guard answer.status == 201, let id = answer.body["id"]?.intValue else { continue }
                        let count = told.acknowledged.withLock { ids in
                            ids.append(id)
                            return ids.count
                        }
                        if count == 60 { first.program.send(SIGKILL) }
                    }
                }
            }
        }
        #expect(told.unanswered.withLock { $0 } > 0, "it was killed while callers waited")
        // Where it was not, the test still ends.
        first.program.send(SIGKILL)
        #expect(await first.program.exitCode() == -SIGKILL)
        let ids = told.acknowledged.withLock { $0 }

        let second = try await RunningPlatform.start(data: data)
        let token = try await second.http.signIn("maya@petpro.example")
        for id in ids {
            #expect(try await second.http.get("/api/bookings/\(id)", token: token).status == 200)
        }
        let bookings = try Database(inspecting: "\(data)/booking.sqlite")
        let vendors = try Database(inspecting: "\(data)/vendor.sqlite")
        try await eventually {
            try await bookings.read { transaction in
                try transaction.table("SELECT 1 FROM subscriptions WHERE cursor = (SELECT MAX(position) FROM events)")
                    .count == 1
            }
        }
        let saved = try await bookings.read { try $0.rows("SELECT id FROM bookings") { try $0.int() } }
        let agenda = try await vendors.read {
            try $0.rows("SELECT booking_id FROM agenda") { try $0.int() }
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
            #expect(try await http.get("/health/ready").status == 200)
            let health = try await http.get("/ops/health", token: try await http.signIn("ops@petpro.example"))
            #expect(health.status == 200)
            func instances(_ service: String) -> [JSONValue] {
                health.body["services"]?[service]?["instances"]?.arrayValue ?? []
            }
            #expect(instances("booking").count == 2 && instances("vendor").count == 3 && instances("auth").count == 1)
            // Each answers for itself.
            var names: Set<String> = []
            for instance in instances("vendor") {
                let at = try need(Instance(instance["address"]?.stringValue ?? ""))
                var configuration = ClientConfiguration(host: at.host, port: at.port)
                configuration.name = "vendor"
                configuration.key = platform.data + "/keys/operator.key"
                let report = try await RookeryClient(configuration).send(Health.pattern, .null)
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
            #expect(Set(invalid.wrongFields) == ["start", "serviceId", "petId", "vendorId"])
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
            "GET /.well-known/jwks.json", "POST /api/auth/register", "POST /api/auth/login",
            "POST /api/auth/refresh", "POST /api/auth/logout",
            "GET /api/me", "GET /api/me/export", "POST /api/me/password", "DELETE /api/me", "POST /api/vendors",
            "GET /api/vendors",
            "GET /api/vendors/{id}",
            "GET /api/vendors/{id}/services", "GET /api/vendors/{id}/availability", "PUT /api/vendors/{id}/hours",
            "POST /api/vendors/{id}/services", "PATCH /api/vendors/{id}/status", "GET /api/products",
            "GET /api/products/{id}", "GET /api/products/{id}/availability", "GET /api/products/{id}/inventory/stream",
            "GET /api/inventory/stream", "POST /api/products", "POST /api/products/{id}/inventory",
            "POST /api/products/{id}/reservations", "DELETE /api/reservations/{id}", "POST /api/bookings",
            "GET /api/bookings", "GET /api/bookings/{id}", "POST /api/bookings/{id}/cancel",
            "PATCH /api/bookings/{id}/status", "GET /api/pets", "POST /api/pets", "GET /health/live",
            "GET /health/ready", "GET /openapi.json", "PATCH /api/vendors/{id}", "GET /ops/health",
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
                    // An empty requirement says that a token may be there, and need not.
                    let security = operation["security"]?.arrayValue
                    let isProtected = security.map { !$0.contains([:]) } ?? false
                    #expect(isProtected == (answer.status == 401), "\(method) \(path)")
                }
            }
            #expect(described == expected)
        }
    }
}

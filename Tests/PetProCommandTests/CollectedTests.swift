import Foundation
import NIOHTTP1
import PetProTesting
import Rookery
import RookeryTesting
import Testing

@Suite("The console of a platform in separate processes", .serialized, .timeLimit(.minutes(2)))
struct CollectedTests {
    /// A platform whose parts run in processes of their own.
    private final class Parts {
        private(set) var programs: [String: RunningProgram] = [:]
        private let data = NSTemporaryDirectory() + "petpro-" + UUID().uuidString
        private var environment: [String: String] = [:]
        private let mode: String

        init(_ mode: String = "--demo") async throws {
            self.mode = mode
            let port = try await FreePorts.first(of: 4)
            for (at, name) in ["AUTH", "BOOKING", "VENDOR", "PRODUCT"].enumerated() {
                environment["PETPRO_\(name)"] = "127.0.0.1:\(port + at)"
            }
        }

        /// Starts a part. Returns what it prints once it is ready.
        @discardableResult
        func serve(_ part: String) async throws -> String {
            let program = try await RunningProgram(
                RunningProgram.url("petpro"),
                ["serve", part, "--data", data, mode, "--http", "127.0.0.1:0", "--password-cost", "10"],
                environment: environment)
            programs[part] = program
            return String(try need(await program.line("ready ")).dropFirst("ready ".count))
        }

        func stop(_ part: String) async {
            programs[part]?.send(SIGTERM)
            _ = await programs.removeValue(forKey: part)?.exitCode()
        }

        func stop() async {
            for part in programs.keys { await stop(part) }
            try? FileManager.default.removeItem(atPath: data)
        }
    }

    @Test("outside demo mode is opened once by the URL that it prints, and has what other processes did")
    func live() async throws {
        let parts = try await Parts("--console")
        do {
            for part in ["auth", "booking", "vendor", "product"] { try await parts.serve(part) }
            let http = HTTP(url: try await parts.serve("gateway"))
            let page = try need(await parts.programs["gateway"]?.line("console "))
            let token = try need(page.split(separator: "#token=").last.map(String.init))
            #expect(try await http.get("/console/api/traces").status == 401)
            let opened = try await http.post("/console/api/session", ["token": .string(token)])
            #expect(opened.status == 200 && opened.body["role"] == "admin" && opened.body["isDemo"] == false)
            let cookie = try need(
                opened.headers.first(name: "Set-Cookie")?.split(separator: ";").first.map(String.init))
            #expect(try await http.post("/console/api/session", ["token": .string(token)]).status == 401)
            let asked = try await http.get("/api/vendors")
            let id = try need(asked.headers.first(name: "X-Trace-Id"))
            #expect(asked.headers.first(name: "X-PetPro-Calls") == nil)
            var calls: [JSONValue] = []
            try await eventually {
                let answer = try await http.send(.GET, "/console/api/traces/\(id)", fields: [("Cookie", cookie)])
                calls = answer.body["calls"]?.arrayValue ?? []
                return answer.status == 200
            }
            #expect(
                calls.first?["to"] == "VendorService" && calls.first?["name"] == "list-vendors"
                    || calls.first?["name"] == "listVendors")
            let instances = try await http.send(.GET, "/console/api/instances", fields: [("Cookie", cookie)])
            #expect(
                instances.body["instances"]?.arrayValue?.allSatisfy { $0["problem"] == .null } == true,
                "\(instances.body)")
            // All requests of a flow are counted, though few are kept.
            for _ in 0..<60 { #expect(try await http.get("/api/products/1/availability").status == 404) }
            try await eventually {
                let flows = try await http.send(.GET, "/console/api/flows", fields: [("Cookie", cookie)]).body
                return Self.seen("Product Unknown", in: flows) == 60 && flows["unjudged"] == 0
            }
            let kept = try await http.send(.GET, "/console/api/traces", fields: [("Cookie", cookie)]).body["traces"]
            #expect((1..<60).contains(kept?.arrayValue?.count { $0["status"] == 404 } ?? 0))
            // Faults are for demo mode.
            #expect(try await http.send(.GET, "/console/api/faults", fields: [("Cookie", cookie)]).status == 404)
        } catch {
            await parts.stop()
            throw error
        }
        await parts.stop()
    }

    /// What the console says of a request, once it has judged it.
    private func verdict(_ http: HTTP, of traceID: String?) async throws -> JSONValue {
        let id = try #require(traceID)
        var found: JSONValue?
        try await eventually {
            let answer = try await http.get("/console/api/traces/\(id)")
            found = answer.status == 200 ? answer.body["verdict"] : nil
            return found != nil
        }
        return try #require(found)
    }

    /// How often the flows took the way whose last branch is `branch`.
    private static func seen(_ branch: JSONValue, in flows: JSONValue) -> Int? {
        for flow in flows["flows"]?.arrayValue ?? [] {
            for diagram in [flow["diagram"], flow["beyond"]] {
                let ways = diagram?["ways"]?.arrayValue ?? []
                let way = ways.first { $0["branches"]?.arrayValue?.last == branch }
                if let way { return way["count"]?.intValue }
            }
        }
        return nil
    }

    private func collected(_ http: HTTP) async throws -> [String: String] {
        let instances = try await http.get("/console/api/instances").body["instances"]?.arrayValue ?? []
        return instances.reduce(into: [:]) {
            $0[$1["service"]?.stringValue ?? ""] = $1["problem"]?.stringValue ?? ""
        }
    }

    @Test("says of each flow which way it took, though no process sees all of it")
    func verdicts() async throws {
        let parts = try await Parts()
        do {
            for part in ["auth", "booking", "vendor", "product"] { try await parts.serve(part) }
            let http = HTTP(url: try await parts.serve("gateway"))
            // All four are watched before anything is judged.
            try await eventually {
                try await collected(http) == ["auth": "", "booking": "", "vendor": "", "product": ""]
            }

            let maya = try await http.signIn("maya@petpro.example")
            let start = Instant(
                milliseconds: (Int64(Date().timeIntervalSince1970) / 604_800 + 3) * 604_800_000 + 9 * 3_600_000)
            // 1970-01-01 was a Thursday: this is one at 09:00, when Pfotenhof is open.
            let wish: JSONValue = ["vendorId": 3, "serviceId": 6, "petId": 1, "start": .string(start.description)]
            let booked = try await http.post("/api/bookings", wish, token: maya, key: "once")
            #expect(booked.status == 201, "\(booked.body)")
            let booking = try await verdict(http, of: booked.headers.first(name: "X-Trace-Id"))
            #expect(
                booking["right"] == true && booking["flow"] == "booking-creation"
                    && booking["branches"]?.arrayValue?.last == "Vendor Available", "\(booking)")
            // Its event is in the same diagram, and no part of its way.
            let id = booked.headers.first(name: "X-Trace-Id") ?? ""
            try await eventually {
                let calls = try await http.get("/console/api/traces/\(id)").body["calls"]?.arrayValue ?? []
                return calls.contains {
                    $0["event"] == true && $0["from"] == "BookingService" && $0["to"] == "VendorService"
                        && $0["name"] == "booking.created"
                }
            }
            let again = try await http.post("/api/bookings", wish, token: maya)
            #expect(again.status == 409)
            let conflict = try await verdict(http, of: again.headers.first(name: "X-Trace-Id"))
            #expect(conflict["right"] == true, "\(conflict)")
            // Only Booking knows that it has done this before.
            #expect(try await http.post("/api/bookings", wish, token: maya, key: "once").status == 201)
            // Requests like these are counted without being judged again.
            for _ in 0..<4 { #expect(try await http.post("/api/bookings", wish, token: maya).status == 409) }
            try await eventually {
                let flows = try await http.get("/console/api/flows").body
                return Self.seen("Vendor Unavailable", in: flows) == 5 && Self.seen("Vendor Available", in: flows) == 1
                    && Self.seen("Key Repeated", in: flows) == 1
            }

            let available = try await http.get("/api/products/9001/availability")
            let availability = try await verdict(http, of: available.headers.first(name: "X-Trace-Id"))
            #expect(availability["right"] == true && availability["flow"] == "product-availability", "\(availability)")

            let registered = try await http.post(
                "/api/vendors",
                [
                    "user": ["email": "seen@petpro.example", "password": "correct horse", "name": "S"],
                    "vendor": ["businessName": "Seen", "type": "walking", "timeZone": "UTC", "currency": "EUR"],
                ])
            #expect(registered.status == 201)
            let registration = try await verdict(http, of: registered.headers.first(name: "X-Trace-Id"))
            #expect(registration["right"] == true && registration["flow"] == "vendor-registration", "\(registration)")

            // Without Vendor, Booking refuses: a branch beyond the seed, and only Booking saw that call.
            await parts.stop("vendor")
            let refused = try await http.post("/api/bookings", wish, token: maya)
            #expect(refused.status == 503)
            let unavailable = try await verdict(http, of: refused.headers.first(name: "X-Trace-Id"))
            #expect(
                unavailable["right"] == true
                    && unavailable["branches"]?.arrayValue?.last == "Vendor Service Unavailable", "\(unavailable)")
            try await eventually { try await collected(http)["vendor"]?.isEmpty == false }
            // Its spans come again with it.
            try await parts.serve("vendor")
            try await eventually { try await collected(http)["vendor"] == "" }
        } catch {
            await parts.stop()
            throw error
        }
        await parts.stop()
    }
}

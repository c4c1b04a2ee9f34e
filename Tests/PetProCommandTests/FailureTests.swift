import Foundation
import NIOHTTP1
import PetProContracts
import PetProStorage
import PetProTesting
import Rookery
import RookeryTesting
import Testing

@Suite("When a way between the services breaks", .serialized, .timeLimit(.minutes(2)))
struct FailureTests {
    private static func registration(_ name: String, timeZone: String = "UTC") -> JSONValue {
        [
            "user": ["email": .string("\(name)@petpro.example"), "password": "correct horse", "name": "F"],
            "vendor": [
                "businessName": .string(name), "type": "walking", "timeZone": .string(timeZone), "currency": "EUR",
            ],
        ]
    }

    @Test("a booking is saved once, whatever becomes of its reply, and the same key gives it")
    func bookings() async throws {
        try await BrokenPlatform.running { platform in
            let http = platform.http
            let maya = try await http.signIn("maya@petpro.example")

            // Opens the connection and shows the key, so that only the reply to the booking gets lost.
            #expect(try await http.get("/api/bookings", token: maya).status == 200)
            // The reply gets lost after the save: nobody knows, 504. The booking exists, once, for all the attempts.
            platform.loseReplies(platform.booking)
            let unknown = try await http.post("/api/bookings", platform.wish(0), token: maya, key: "lost")
            #expect(unknown.status == 504 && ["TIMEOUT", "OUTCOME_UNKNOWN"].contains(unknown.code))
            #expect(try await platform.rows("booking", "SELECT id FROM bookings") == 1)
            platform.heal(platform.booking)
            let again = try await http.post("/api/bookings", platform.wish(0), token: maya, key: "lost")
            #expect(again.status == 201)
            #expect(try await platform.rows("booking", "SELECT id FROM bookings") == 1)

            // Connections break again and again in the middle of an answer. Whatever the customer is told, the key that it
            // sent gives one booking.
            platform.booking.replyFaults = [.reset(after: 700)]
            for _ in 0..<5 {
                let answer = try await http.post("/api/bookings", platform.wish(1), token: maya, key: "broken")
                #expect([201, 503, 504].contains(answer.status), "\(answer.body.jsonText)")
            }
            platform.heal(platform.booking)
            var healed = try await http.post("/api/bookings", platform.wish(1), token: maya, key: "broken")
            for _ in 0..<100 where healed.status == 503 {
                // The breaker, or the wait before another connection.
                try await Task.sleep(for: .milliseconds(50))
                healed = try await http.post("/api/bookings", platform.wish(1), token: maya, key: "broken")
            }
            #expect(healed.status == 201)
            #expect(try await platform.rows("booking", "SELECT id FROM bookings") == 2)

            // Auth does not answer: 504, not 401; refused: 503.
            platform.loseReplies(platform.auth)
            #expect(try await http.get("/api/bookings", token: maya).status == 504)
            platform.auth.faults = [.reset(after: 0)]
            platform.auth.resetAll()
            let refused = try await http.get("/api/bookings", token: maya)
            #expect(refused.status == 503 || refused.status == 504)
            platform.heal(platform.auth)
            try await eventually { try await http.get("/api/bookings", token: maya).status == 200 }

            // Vendor is gone: Booking says so and saves nothing, and its own breaker at the gateway does not count that.
            let before = try await platform.rows("booking", "SELECT id FROM bookings")
            platform.vendorProgram.send(SIGKILL)
            _ = await platform.vendorProgram.exitCode()
            for attempt in 0..<30 {
                let answer = try await http.post("/api/bookings", platform.wish(2 + attempt % 5), token: maya)
                #expect(answer.status == 503 && answer.code == "DEPENDENCY_UNAVAILABLE", "\(answer.body.jsonText)")
                #expect(answer.headers.contains(name: "Retry-After"))
            }
            #expect(try await platform.rows("booking", "SELECT id FROM bookings") == before)
            #expect(try await http.get("/api/bookings", token: maya).status == 200)
            // Everybody may know that it is not ready; why, is for the operators.
            let ready = try await http.get("/health/ready")
            #expect(ready.status == 503 && ready.body["code"] == "NOT_READY")
            let health = try await http.get("/ops/health", token: try await http.signIn("ops@petpro.example"))
            #expect(health.status == 503 && health.body["services"]?["vendor"]?["status"] == "down")
            #expect(health.body["services"]?["booking"]?["groups"]?.arrayValue?.first?["breaker"] == "closed")
            #expect(health.body["services"]?["booking"]?["status"] == "degraded")
            // Whether a product can be had is unknown then, not no.
            let availability = try await http.get("/api/products/9001/availability")
            #expect([503, 504].contains(availability.status))
        }
    }

    @Test("a registration waits when Vendor is away, is kept when nobody knows, and goes on when it is sent again")
    func registrations() async throws {
        try await BrokenPlatform.running { platform in
            let http = platform.http
            func canSignIn(_ name: String) async throws -> Bool {
                let credentials: JSONValue = [
                    "email": .string("\(name)@petpro.example"), "password": "correct horse",
                ]
                return try await http.post("/api/auth/login", credentials).status == 200
            }

            // What Vendor would refuse is refused before anything is written.
            let refused = try await http.post(
                "/api/vendors", Self.registration("refused", timeZone: "Nowhere/Atoll"), key: "refused")
            #expect(refused.status == 400)
            #expect(try await platform.account("refused@petpro.example") == nil)

            // Never reached: Vendor is not there, which refuses nothing. The account waits for it.
            try await platform.vendor.close()
            let unreached = try await http.post("/api/vendors", Self.registration("unreached"))
            #expect(unreached.status == 503)
            #expect(try await platform.account("unreached@petpro.example") == .pendingVendor)
            // Another vendor by the same account, with its password, and no key.
            let again = try await FaultProxy.start(
                listen: ("127.0.0.1", platform.vendorPort.proxy), to: ("127.0.0.1", platform.vendorPort.direct))
            let platform = platform.reaching(vendor: again)
            let other = Self.registration("unreached", timeZone: "Europe/Berlin")
            var reached = try await http.post("/api/vendors", other)
            for _ in 0..<100 where reached.status == 503 {
                // The breaker, or the wait before another connection.
                try await Task.sleep(for: .milliseconds(50))
                reached = try await http.post("/api/vendors", other)
            }
            #expect(reached.status == 201 && reached.body["timeZone"] == "Europe/Berlin")
            #expect(try await platform.vendors(named: "unreached") == 1)

            // Unknown: the vendor is made, and nobody hears of it. Nothing is taken back; the key goes on.
            platform.loseReplies(platform.vendor)
            let unknown = try await http.post("/api/vendors", Self.registration("kept"), key: "kept")
            #expect(unknown.status == 504 && unknown.code == "OUTCOME_UNKNOWN")
            #expect(try await canSignIn("kept"))
            platform.heal(platform.vendor)
            var resumed = try await http.post("/api/vendors", Self.registration("kept"), key: "kept")
            for _ in 0..<100 where resumed.status == 503 {
                try await Task.sleep(for: .milliseconds(50))
                resumed = try await http.post("/api/vendors", Self.registration("kept"), key: "kept")
            }
            #expect(resumed.status == 201)
            #expect(try await platform.vendors(named: "kept") == 1)
            #expect(try await platform.account("kept@petpro.example") == .active)
        }
    }
}

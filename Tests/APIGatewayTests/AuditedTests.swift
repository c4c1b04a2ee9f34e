import NIOHTTP1
import PetProContracts
import PetProRuntime
import PetProTesting
import Rookery
import RookeryTesting
import Testing

@testable import APIGateway

@Suite("What the audit log records", .timeLimit(.minutes(1)))
struct AuditedTests {
    @Test("is who read or changed what, who was refused, and failed sign-ins")
    func events() async throws {
        let platform = try await TestPlatform()
        try await platform.serving { gateway in
            let http = gateway.http
            let vendor = try await gateway.makeVendor()
            func signIn(_ email: String) async throws -> String {
                let pair = try await http.make("/api/auth/login", ["email": .string(email), "password": "petpro-demo"])
                let token = pair["accessToken"]?.stringValue
                return try #require(token)
            }
            let maya = try await signIn("maya@petpro.example")
            let admin = try await signIn("admin@petpro.example")
            _ = platform.audited.take()

            // The owner's own: read without a trace, changed with one.
            _ = try await http.get("/api/pets", token: maya)
            _ = try await http.get("/api/me", token: maya)
            #expect(platform.audited.take().isEmpty)
            let pet = try await http.make("/api/pets", ["name": "Canary", "species": "dog"], token: maya)
            #expect(
                platform.audited.take() == [
                    AuditEvent(.changed, actor: "user 5", subject: 5, operation: "createPet", object: "/api/pets")
                ])
            _ = try await http.get("/api/me/export", token: maya)
            #expect(platform.audited.take().map(\.operation) == ["exportAccount"])

            let start = Instant(milliseconds: (platform.time.now.milliseconds / 86_400_000 + 3) * 86_400_000)
            let wish: JSONValue = [
                "vendorId": .int(Int64(vendor.id)), "serviceId": .int(Int64(vendor.service)),
                "petId": pet["id"] ?? 0, "start": .string(start.description), "notes": "canary notes",
            ]
            let booking = try await http.send(.POST, "/api/bookings", wish, token: maya, key: "audit")
            let path = "/api/bookings/\(booking.body["id"]?.intValue ?? 0)"
            #expect(platform.audited.take().map(\.operation) == ["createBooking"])

            // Others: read with a trace.
            for (token, id) in [(vendor.token, nil), (admin, Int?.some(8))] {
                #expect(try await http.get(path, token: token).status == 200)
                let read = platform.audited.take()
                #expect(read.map(\.kind) == [.read] && read[0].object == path && read[0].operation == "getBooking")
                if let id { #expect(read[0].actor == "user \(id)") }
            }
            #expect(try await http.send(.PATCH, "/api/vendors/1", ["phone": "123"], token: maya).status == 403)
            #expect(platform.audited.take().map(\.kind) == [.refused])
            // What anyone may read is nobody's secret.
            _ = try await http.get("/api/vendors")
            _ = try await http.get("/api/nothing", token: maya)
            #expect(platform.audited.take().isEmpty)

            let wrong: JSONValue = ["email": "maya@petpro.example", "password": "canary"]
            #expect(try await http.post("/api/auth/login", wrong).status == 401)
            let nobody: JSONValue = ["email": "canary@petpro.example", "password": "canary"]
            #expect(try await http.post("/api/auth/login", nobody).status == 401)
            #expect(platform.audited.take() == [AuditEvent(.signInFailed, subject: 5), AuditEvent(.signInFailed)])

            #expect(try await http.send(.DELETE, "/api/me", token: maya).status == 204)
            #expect(platform.audited.take() == [AuditEvent(.accountErased, actor: "user 5", subject: 5)])
        }
    }
}

import Foundation
import NIOHTTP1
import PetProContracts
import PetProStorage
import PetProTesting
import Rookery
import RookeryTesting
import Testing

@testable import APIGateway

@Suite("A person's own data", .timeLimit(.minutes(1)))
struct PersonTests {
    private static let canary = "canary of a person"

    /// All texts that a service keeps, in every table and column.
    private func kept(_ database: Database) async throws -> String {
        let tables = try await database.tables()
        return try await database.read { transaction in
            var all: [String] = []
            for table in tables {
                for row in try transaction.table("SELECT * FROM \"\(table)\"") {
                    all += row.values.map { value in
                        switch value {
                        case .text(let text): text
                        case .blob(let bytes): String(decoding: bytes, as: UTF8.self)
                        default: "\(value)"
                        }
                    }
                }
            }
            return all.joined(separator: "\n")
        }
    }

    private static let forms: [Protection.Form] = [.plain, .sealed]

    @Test(
        "is exported whole, and erased from every service, also from one that hears of it later; sealed, it is never to be read",
        arguments: forms)
    func erasure(_ form: Protection.Form) async throws {
        let platform = try await TestPlatform(form: form)
        try await platform.serving { gateway in
            let http = gateway.http
            let vendor = try await gateway.makeVendor()
            let account: JSONValue = [
                "email": "canary@petpro.example", "password": "correct horse", "name": .string(Self.canary),
            ]
            #expect(try await http.post("/api/auth/register", account).status == 201)
            let pair = try await http.make(
                "/api/auth/login", ["email": "canary@petpro.example", "password": "correct horse"])
            let token = try #require(pair["accessToken"]?.stringValue)
            let pet = try await http.make(
                "/api/pets", ["name": .string(Self.canary), "species": "dog", "notes": .string(Self.canary)],
                token: token)
            let start = Instant(milliseconds: (platform.time.now.milliseconds / 86_400_000 + 3) * 86_400_000)
            let wish: JSONValue = [
                "vendorId": .int(Int64(vendor.id)), "serviceId": .int(Int64(vendor.service)),
                "petId": try #require(pet["id"]), "start": .string(start.description), "notes": .string(Self.canary),
            ]
            let booking = try await http.send(.POST, "/api/bookings", wish, token: token, key: "mine")
            #expect(booking.status == 201)
            try await platform.deliverEvents()

            let export = try await http.get("/api/me/export", token: token).body
            #expect(export["account"]?["email"] == "canary@petpro.example")
            #expect(export["pets"]?.arrayValue?.first?["notes"]?.stringValue == Self.canary)
            #expect(export["bookings"]?.arrayValue?.first?["id"] == booking.body["id"])
            let counts = export["manifest"]?.arrayValue?.map { $0["count"]?.intValue }
            #expect(counts == [1, 1, 1, 0])
            // Without encryption, the canary is kept where it should be found later to be gone.
            for service in [ServiceName.auth, .booking] {
                let database = try #require(platform.databases[service])
                #expect(try await kept(database).contains("canary") == (form == .plain), "\(service)")
            }

            #expect(try await http.send(.DELETE, "/api/me", token: token).status == 204)
            // At once: no session, no account.
            #expect(try await http.get("/api/me", token: token).status == 401)
            let refresh: JSONValue = ["refreshToken": try #require(pair["refreshToken"])]
            #expect(try await http.post("/api/auth/refresh", refresh).status == 401)
            // The other services were down; they hear of it now.
            try await platform.deliverEvents()
            for (service, database) in platform.databases {
                #expect(!(try await kept(database)).contains("canary"), "\(service)")
            }
            // The booking stays, for the vendor, without the person.
            let path = "/api/bookings/\(booking.body["id"]?.intValue ?? 0)"
            let left = try await http.get(path, token: vendor.token)
            #expect(left.status == 200 && left.body["notes"] == nil)
            // The address is free again.
            #expect(try await http.post("/api/auth/register", account).status == 201)
        }
    }

    @Test(
        "of a vendor is erased too: contact and notes go, services that bookings refer to stay", arguments: forms)
    func vendors(_ form: Protection.Form) async throws {
        let platform = try await TestPlatform(form: form)
        try await platform.serving { gateway in
            let http = gateway.http
            let vendor = try await gateway.makeVendor()
            let path = "/api/vendors/\(vendor.id)"
            let version = try await http.get(path).body["version"] ?? 1
            let contact: JSONValue = [
                "expectedVersion": version, "email": "canary@petpro.example", "phone": "+420 canary",
                "address": .string(Self.canary),
            ]
            #expect(try await http.send(.PATCH, path, contact, token: vendor.token).status == 200)
            let hours: JSONValue = [
                "hours": [],
                "specialDays": [["date": "2099-01-01", "closed": true, "note": .string(Self.canary)]],
            ]
            let set = try await http.send(.PUT, path + "/hours", hours, token: vendor.token)
            #expect(set.status == 200, "\(set.body)")
            let export = try await http.get("/api/me/export", token: vendor.token).body
            #expect(export["vendor"]?["address"]?.stringValue == Self.canary)
            #expect(export["vendor"]?["specialDays"] == hours["specialDays"])
            // Everyone sees the day, and only its owner the note.
            let own = try await http.get(path, token: vendor.token).body
            #expect(own["specialDays"] == hours["specialDays"])
            #expect(try await http.get(path).body["specialDays"] == [["date": "2099-01-01", "closed": true]])
            let database = try #require(platform.databases[.vendor])
            #expect(try await kept(database).contains("canary") == (form == .plain))
            #expect(try await http.send(.DELETE, "/api/me", token: vendor.token).status == 204)
            try await platform.deliverEvents()
            #expect(!(try await kept(database)).contains("canary"))
            let left = try await http.get(path).body
            #expect(left["specialDays"] == [["date": "2099-01-01", "closed": true]])
            #expect(left["status"] == "inactive" && left["businessName"] == "closed" && left["email"] == nil)
        }
    }
}

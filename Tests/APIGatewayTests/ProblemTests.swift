import HTTPTypes
import NIOHTTP1
import PetProContracts
import PetProTesting
import Rookery
import RookeryTesting
import Testing

@testable import APIGateway

@Suite("A problem")
struct ProblemTests {
    /// Every code a service has, and the status it is answered with.
    private static let remote: [(RemoteError.Code, Int)] = [
        (.invalidPayload, 422), (.badCredentials, 401), (.tokenRevoked, 401), (.forbidden, 403),
        (.accountDisabled, 403), (.accountHeld, 409), (.userNotFound, 404), (.vendorNotFound, 404),
        (.bookingNotFound, 404),
        (.petNotFound, 404), (.serviceNotFound, 404), (.productNotFound, 404), (.reservationNotFound, 404),
        (.emailTaken, 409), (.vendorExists, 409), (.vendorUnavailable, 409), (.vendorNotActive, 409), (.petBusy, 409),
        (.priceChanged, 409), (.invalidTransition, 409), (.staleVersion, 409), (.skuTaken, 409), (.belowReserved, 409),
        (.insufficientStock, 409), (.reservationExpired, 409), (.userNotPending, 409), (.limitReached, 409),
        (.startInPast, 422), (.speciesNotServed, 422), (.cancellationNotAllowed, 422), (.keyReused, 422),
        (.shuttingDown, 504), (.dependencyUnavailable, 503), (.overloaded, 503), (.deadlineExceeded, 504),
        (.replyTooLarge, 502), (.internal, 500), ("SOMETHING_NEW", 500),
    ]

    @Test("has a status for every code of a service, and keeps the code unless it is a fault of ours")
    func ofServices() {
        for (code, status) in Self.remote {
            let problem = Problem(answering: RemoteError(code, "said so"))
            #expect(problem.status.code == status, "\(code)")
            if status != 500, code != .shuttingDown { #expect(problem.code == code.rawValue) }
            #expect((problem.retryAfterSeconds != nil) == (status == 503), "\(code)")
            if status == 500 { #expect(problem.code == "INTERNAL" && problem.detail == "A service failed.") }
        }
        #expect(Problem(answering: RemoteError(message: "a stack trace")).detail == "A service failed.")
    }

    @Test("has a status for every way in which a call can fail")
    func ofCalls() {
        let table: [(CallError, Int, String)] = [
            (CallError(.timeout, "x", wasWritten: true), 504, "TIMEOUT"),
            (CallError(.streamTimeout, "x", wasWritten: true), 504, "TIMEOUT"),
            (CallError(.connectionLost, "x", wasWritten: true), 504, "OUTCOME_UNKNOWN"),
            (CallError(.connectionLost, "x"), 503, "SERVICE_UNAVAILABLE"),
            (CallError(.cannotConnect, "x"), 503, "SERVICE_UNAVAILABLE"),
            (CallError(.breakerOpen, "x"), 503, "SERVICE_UNAVAILABLE"),
            (CallError(.tooManyCalls, "x"), 503, "SERVICE_UNAVAILABLE"),
            (CallError(.noInstance, "x"), 503, "SERVICE_UNAVAILABLE"),
            (CallError(.closed, "x"), 503, "SERVICE_UNAVAILABLE"),
            (CallError(.invalidReply, "x", wasWritten: true), 502, "BAD_REPLY"),
            (CallError(.noHandler, "x", wasWritten: true), 502, "BAD_REPLY"),
            (CallError(.invalidCall, "x"), 413, "TOO_LARGE"),
        ]
        for (error, status, code) in table {
            let problem = Problem(answering: error)
            #expect(problem.status.code == status && problem.code == code, "\(error)")
        }
        struct Bug: Error {}
        #expect(Problem(answering: Bug()).status.code == 500)
    }

    @Test("tells how long to stay away, as the service said, between a second and a minute")
    func retryAfter() {
        func seconds(_ milliseconds: Int64) -> Int? {
            Problem(answering: RemoteError(.overloaded, "x", details: ["retryAfterMs": .int(milliseconds)]))
                .retryAfterSeconds
        }
        #expect(seconds(1) == 1 && seconds(1001) == 2 && seconds(0) == 1 && seconds(-5) == 1)
        #expect(seconds(10_000_000) == 60 && seconds(.max) == 60)
    }

    @Test("names every field that is wrong, and causes no call")
    func violations() async throws {
        let platform = try await TestPlatform()
        try await platform.serving { gateway in
            let http = gateway.http
            let maya = try await http.signIn("maya@petpro.example")
            let invalid = try await http.post("/api/bookings", ["vendorId": 0, "start": "soon"], token: maya)
            #expect(invalid.status == 400 && invalid.code == "INVALID_REQUEST")
            #expect(Set(invalid.wrongFields) == ["vendorId", "serviceId", "petId", "start"])
            #expect(invalid.headers.first(name: "Content-Type") == "application/problem+json")
            let offGrid = try await http.post(
                "/api/bookings",
                ["vendorId": 1, "serviceId": 1, "petId": 1, "start": "2030-01-01T08:07:13.123Z"], token: maya)
            #expect(offGrid.status == 400 && offGrid.wrongFields == ["start"])
            for (body, fields) in Self.wrongPets {
                let answer = try await http.post("/api/pets", body, token: maya)
                // That a date is not in the future, no schema can state.
                let isRule = body["birthDate"] == "2999-01-01"
                #expect(
                    answer.status == (isRule ? 422 : 400) && answer.wrongFields == fields,
                    "\(body.jsonText.prefix(80))")
            }
            for (body, fields) in Self.wrongRegistrations {
                let answer = try await http.post("/api/vendors", body)
                #expect(answer.status == 400 && answer.wrongFields == fields, "\(body.jsonText)")
            }
            #expect(try await http.send(.POST, "/api/pets", "x", token: maya).status == 400)
            let notJSON = try await gateway.exchange(
                "POST /api/auth/login HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 1\r\n"
                    + "Connection: close\r\n\r\n{")
            #expect(notJSON.contains("INVALID_JSON"))
        }
    }

    private static let wrongPets: [(JSONValue, [String])] = [
        (["name": "", "species": "dog"], ["name"]), (["name": "   ", "species": "dog"], ["name"]),
        (["name": "a\u{0}b", "species": "dog"], ["name"]), (["name": "a\nb", "species": "dog"], ["name"]),
        (["name": .string(String(repeating: "x", count: 61)), "species": "dog"], ["name"]),
        // One character for the eye, 100 000 for the memory.
        (["name": .string("x" + String(repeating: "\u{301}", count: 100_000)), "species": "dog"], ["name"]),
        (["name": "Rex", "species": "dog", "birthDate": "0000-01-01"], ["birthDate"]),
        (["name": "Rex", "species": "dog", "birthDate": "2999-01-01"], ["birthDate"]),
        (["name": "Rex", "species": "dragon"], ["species"]),
        (["name": "Rex", "species": "dog", "notes": "bell\u{7}"], ["notes"]),
    ]

    private static let wrongRegistrations: [(JSONValue, [String])] = {
        func changed(_ part: String, _ key: String, _ value: JSONValue) -> JSONValue {
            guard case .object(var all) = HTTP.registration("w@petpro.example"), case .object(var inner)? = all[part]
            else { return .null }
            inner[key] = value
            all[part] = .object(inner)
            return .object(all)
        }
        return [
            (changed("user", "password", "        "), ["user.password"]),
            (changed("user", "password", "short"), ["user.password"]),
            (changed("user", "name", "N\u{0}"), ["user.name"]),
            (changed("vendor", "timeZone", "Mars/Base"), ["vendor.timeZone"]),
            (changed("vendor", "timeZone", "UTC\u{0}"), ["vendor.timeZone"]),
            (changed("vendor", "businessName", "A\u{0}"), ["vendor.businessName"]),
            (changed("vendor", "email", "nowhere"), ["vendor.email"]),
        ]
    }()

    @Test("says that a vendor's price, product or stock is wrong by the vendor's own rules")
    func vendorRules() async throws {
        let platform = try await TestPlatform()
        try await platform.serving { gateway in
            let http = gateway.http
            let vendor = try await gateway.makeVendor()
            func product(_ amount: Int, _ currency: String) async throws -> Answer {
                try await http.post(
                    "/api/products",
                    [
                        "sku": "S", "name": "P", "species": ["dog"],
                        "price": ["amountMinor": .int(Int64(amount)), "currency": .string(currency)],
                    ], token: vendor.token)
            }
            #expect(try await product(1, "USD").wrongFields == ["price.currency"])
            #expect(try await product(-1, "EUR").wrongFields == ["price.amountMinor"])
            #expect(try await product(.max, "EUR").wrongFields == ["price.amountMinor"])
            let made = try await product(1, "EUR")
            let path = "/api/products/\(made.body["id"]?.intValue ?? 0)/inventory"
            for (delta, reason) in [(0, "adjustment"), (-5, "restock"), (0, "restock")] {
                let answer = try await http.post(
                    path, ["delta": .int(Int64(delta)), "reason": .string(reason)], token: vendor.token)
                #expect(answer.status == 422 && answer.wrongFields == ["delta"], "\(delta) \(reason)")
            }
            let days: [JSONValue] = [
                ["date": "2030-01-01", "closed": true], ["date": "2030-01-01", "closed": true],
            ]
            let hours = try await http.send(
                .PUT, "/api/vendors/\(vendor.id)/hours", ["hours": [], "specialDays": .array(days)],
                token: vendor.token)
            #expect(hours.status == 422 && hours.wrongFields == ["specialDays[1].date"])
        }
    }

    @Test("tells which limit is reached, and says so of a reply that is too large")
    func limits() async throws {
        let platform = try await TestPlatform()
        try await platform.serving { gateway in
            let maya = try await gateway.http.signIn("maya@petpro.example")
            for _ in 0..<(Holdings.pets - 2) { _ = try await gateway.http.makePet(maya) }
            let more = try await gateway.http.post("/api/pets", ["name": "Rex", "species": "dog"], token: maya)
            #expect(more.status == 409 && more.code == "LIMIT_REACHED" && more.body["limit"] == 50)
            let page = try await gateway.http.get("/api/pets?limit=20", token: maya)
            #expect(page.body["items"]?.arrayValue?.count == 20 && page.body["next"] != nil)
        }
    }
}

import Foundation
import HTTPTypes
import NIOHTTP1
import PetProContracts
import PetProTesting
import Rookery
import Synchronization
import Testing
import VendorService

@testable import APIGateway

/// Who asks. The table's columns, in this order.
private enum Actor: String, CaseIterable {
    case anonymous, customer, stranger, owner, otherVendor, admin, ops, pending
}

/// One operation, on things that belong to the customer and the owner, and how each actor is answered.
private struct Line {
    let operation: String
    let path: String
    var body: JSONValue?
    let statuses: [Int]

    init(_ operation: String, _ path: String? = nil, _ body: JSONValue? = nil, _ statuses: Int...) {
        self.operation = operation
        self.path = path ?? operation.components(separatedBy: " ")[1]
        self.body = body
        self.statuses = statuses
    }

    var method: HTTPMethod { HTTPMethod(rawValue: operation.components(separatedBy: " ")[0]) }
}

@Suite("Who may do what", .timeLimit(.minutes(2)))
struct AccessTests {
    private static let refresh: JSONValue = ["refreshToken": "unknown"]
    private static let service: JSONValue = [
        "name": "Walk", "durationMinutes": 30, "price": ["amountMinor": 1, "currency": "EUR"], "species": ["dog"],
    ]
    private static let always: [JSONValue] = (1...7).map { ["weekday": .int($0), "open": "00:00", "close": "24:00"] }
    private static let registration: JSONValue = ["email": "{new}", "password": "correct horse", "name": "N"]

    /// `{booking}`, `{reservation}` and `{new}` are new ones for each request; the others stay.
    private static let table: [Line] = [
        //                                                        anon cust stra owne othe admi ops  pend
        Line("POST /api/auth/register", nil, registration, 201, 201, 201, 201, 201, 201, 201, 201),
        Line(
            "POST /api/auth/login", nil, ["email": "maya@petpro.example", "password": "petpro-demo"],
            200, 200, 200, 200, 200, 200, 200, 200),
        Line("POST /api/auth/refresh", nil, refresh, 401, 401, 401, 401, 401, 401, 401, 401),
        Line("POST /api/auth/logout", nil, refresh, 401, 204, 204, 204, 204, 204, 204, 204),
        Line("GET /.well-known/jwks.json", nil, nil, 200, 200, 200, 200, 200, 200, 200, 200),
        Line("GET /api/me", nil, nil, 401, 200, 200, 200, 200, 200, 200, 200),
        // With a wrong old password, so that nobody's changes.
        Line(
            "POST /api/me/password", nil, ["oldPassword": "wrong", "newPassword": "another horse"],
            401, 401, 401, 401, 401, 401, 401, 401),
        Line("GET /api/me/export", nil, nil, 401, 200, 200, 200, 200, 200, 200, 200),
        Line("POST /api/vendors", nil, HTTP.registration("{new}"), 201, 201, 201, 201, 201, 201, 201, 201),
        Line("GET /api/vendors", nil, nil, 200, 200, 200, 200, 200, 200, 200, 200),
        Line(
            "GET /api/vendors", "/api/vendors?status=pending_approval", nil,
            401, 403, 403, 403, 403, 200, 403, 403),
        Line("GET /api/vendors/{id}", "/api/vendors/{vendor}", nil, 200, 200, 200, 200, 200, 200, 200, 200),
        Line("GET /api/vendors/{id}", "/api/vendors/{hidden}", nil, 404, 404, 404, 404, 404, 200, 404, 404),
        Line("GET /api/vendors/{id}", "/api/vendors/777", nil, 404, 404, 404, 404, 404, 404, 404, 404),
        Line(
            "GET /api/vendors/{id}/services", "/api/vendors/{vendor}/services", nil,
            200, 200, 200, 200, 200, 200, 200, 200),
        Line(
            "GET /api/vendors/{id}/services", "/api/vendors/{hidden}/services", nil,
            404, 404, 404, 404, 404, 200, 404, 404),
        Line(
            "GET /api/vendors/{id}/availability",
            "/api/vendors/{vendor}/availability?serviceId={service}&date=2030-01-01", nil,
            200, 200, 200, 200, 200, 200, 200, 200),
        Line(
            "GET /api/vendors/{id}/availability",
            "/api/vendors/{hidden}/availability?serviceId=8&date=2030-01-01", nil,
            404, 404, 404, 404, 404, 404, 404, 404),
        Line(
            "PATCH /api/vendors/{id}", "/api/vendors/{vendor}", ["phone": "12345"],
            401, 403, 403, 200, 404, 200, 403, 403),
        Line(
            "PUT /api/vendors/{id}/hours", "/api/vendors/{vendor}/hours", ["hours": .array(always)],
            401, 403, 403, 200, 404, 200, 403, 403),
        Line(
            "POST /api/vendors/{id}/services", "/api/vendors/{vendor}/services", service,
            401, 403, 403, 201, 404, 201, 403, 403),
        Line(
            "PATCH /api/vendors/{id}/status", "/api/vendors/{vendor}/status", ["status": "rejected"],
            401, 403, 403, 403, 403, 409, 403, 403),
        Line(
            "POST /api/bookings", nil,
            [
                "vendorId": "{vendor}", "serviceId": "{service}", "petId": "{pet}", "start": "{start}",
            ],
            401, 201, 404, 403, 403, 404, 403, 403),
        Line("GET /api/bookings", nil, nil, 401, 200, 200, 200, 200, 200, 403, 403),
        Line(
            "GET /api/bookings/{id}", "/api/bookings/{booking}", nil,
            401, 200, 404, 200, 404, 200, 403, 403),
        Line(
            "POST /api/bookings/{id}/cancel", "/api/bookings/{booking}/cancel", [:],
            401, 200, 404, 403, 403, 200, 403, 403),
        Line(
            "PATCH /api/bookings/{id}/status", "/api/bookings/{booking}/status", ["status": "confirmed"],
            401, 403, 403, 200, 404, 200, 403, 403),
        Line("GET /api/pets", nil, nil, 401, 200, 200, 403, 403, 200, 403, 403),
        Line(
            "POST /api/pets", nil, ["name": "Rex", "species": "dog"],
            401, 201, 201, 403, 403, 201, 403, 403),
        Line("GET /api/products", nil, nil, 200, 200, 200, 200, 200, 200, 200, 200),
        Line(
            "GET /api/products/{id}", "/api/products/{product}", nil,
            200, 200, 200, 200, 200, 200, 200, 200),
        Line(
            "GET /api/products/{id}/availability", "/api/products/{product}/availability", nil,
            200, 200, 200, 200, 200, 200, 200, 200),
        Line(
            "POST /api/products", "/api/products?vendorId={vendor}",
            [
                "sku": "{new}", "name": "P", "price": ["amountMinor": 1, "currency": "EUR"], "species": ["dog"],
            ],
            401, 403, 403, 201, 404, 201, 403, 403),
        Line(
            "POST /api/products/{id}/inventory", "/api/products/{product}/inventory",
            ["delta": 1, "reason": "restock"],
            401, 403, 403, 200, 404, 200, 403, 403),
        Line(
            "POST /api/products/{id}/reservations", "/api/products/{product}/reservations", ["quantity": 1],
            401, 201, 201, 403, 403, 201, 403, 403),
        Line(
            "DELETE /api/reservations/{id}", "/api/reservations/{reservation}", nil,
            401, 204, 404, 403, 403, 204, 403, 403),
        Line("GET /health/live", nil, nil, 200, 200, 200, 200, 200, 200, 200, 200),
        Line("GET /health/ready", nil, nil, 200, 200, 200, 200, 200, 200, 200, 200),
        Line("GET /ops/health", nil, nil, 401, 403, 403, 403, 403, 200, 200, 403),
        Line("GET /openapi.json", nil, nil, 200, 200, 200, 200, 200, 200, 200, 200),
        // The last one, because it erases those who ask.
        Line("DELETE /api/me", nil, nil, 401, 204, 204, 204, 204, 403, 403, 204),
    ]

    @Test("is the table's: every role, on every path, with things of its own and of others")
    func table() async throws {
        let platform = try await TestPlatform()
        try await platform.serving { gateway in
            let world = try await World(gateway)
            for line in Self.table {
                for (actor, expected) in zip(Actor.allCases, line.statuses) {
                    let path = try await world.fill(.string(line.path)).stringValue ?? ""
                    var body: JSONValue?
                    if let template = line.body { body = try await world.fill(template) }
                    let answer = try await gateway.http.send(
                        line.method, path, body, token: try await world.token(actor))
                    #expect(
                        answer.status == expected,
                        "\(actor): \(line.method) \(path) is \(answer.status) \(answer.code ?? "")")
                }
            }
        }
    }

    @Test("has a line for every operation; streams, which do not end, have a test of their own")
    func complete() async throws {
        let gateway = try Gateway(
            configuration: .init(), services: try await TestPlatform().services(), logger: .quiet)
        let operations = Set(gateway.endpoints.map { "\($0.method.rawValue) \($0.path)" })
        #expect(
            operations.subtracting(Self.table.map(\.operation)) == [
                "GET /api/products/{id}/inventory/stream", "GET /api/inventory/stream",
            ])
        #expect(Set(Self.table.map(\.operation)).isSubset(of: operations))
    }

    @Test("is in the documents as it is served")
    func documented() async throws {
        let gateway = try Gateway(
            configuration: .init(), services: try await TestPlatform().services(), logger: .quiet)
        let file = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("docs/platform.md")
        let text = try String(contentsOf: file, encoding: .utf8)
        for endpoint in gateway.endpoints {
            let who =
                switch endpoint.access {
                case .anyone: "anyone"
                case .anyoneOrKnown: "anyone, known by a token"
                case .roles(let roles, let evenPending):
                    roles.map(\.rawValue).joined(separator: ", ") + (evenPending ? ", also pending" : "")
                }
            let line = "| `\(endpoint.method.rawValue) \(endpoint.path)` | \(who) |"
            #expect(text.contains(line), "docs/platform.md lacks: \(line)")
        }
    }

    @Test("hides what is not there and what is another's by one answer, whatever the path")
    func existence() async throws {
        let platform = try await TestPlatform()
        try await platform.serving { gateway in
            let world = try await World(gateway)
            let owner = try await world.token(.owner)
            let stranger = try await world.token(.stranger)
            func code(_ method: HTTPMethod, _ path: String, _ token: String?, _ body: JSONValue? = nil) async throws
                -> String?
            {
                let answer = try await gateway.http.send(method, path, body, token: token)
                return answer.status == 404 ? answer.code : "\(answer.status)"
            }
            for id in ["{hidden}", "777", "0", "-1", "x", "99999999999999999999"] {
                let id = try await world.fill(.string(id)).stringValue ?? ""
                for path in ["", "/services", "/availability?serviceId=1&date=2030-01-01"] {
                    #expect(
                        try await code(.GET, "/api/vendors/\(id)\(path)", nil) == "VENDOR_NOT_FOUND", "\(id)\(path)")
                }
                #expect(try await code(.PUT, "/api/vendors/\(id)/hours", owner, ["hours": []]) == "VENDOR_NOT_FOUND")
            }
            let booking = try await world.fill("{booking}").stringValue ?? ""
            for id in [booking, "777", "x"] {
                #expect(try await code(.GET, "/api/bookings/\(id)", stranger) == "BOOKING_NOT_FOUND")
                #expect(try await code(.POST, "/api/bookings/\(id)/cancel", stranger, [:]) == "BOOKING_NOT_FOUND")
            }
            // A product that has left the shop with its vendor.
            let product = try await world.fill("{product}").stringValue ?? ""
            _ = try await platform.vendors.setVendorStatus(SetVendorStatus(id: world.vendor.id, to: .suspended))
            try await platform.deliverEvents()
            for id in [product, "777", "x"] {
                for path in ["", "/availability", "/inventory/stream"] {
                    #expect(
                        try await code(.GET, "/api/products/\(id)\(path)", nil) == "PRODUCT_NOT_FOUND", "\(id)\(path)")
                }
                #expect(
                    try await code(.POST, "/api/products/\(id)/reservations", stranger, ["quantity": 1])
                        == "PRODUCT_NOT_FOUND")
                let other = try await world.token(.otherVendor)
                #expect(
                    try await code(.POST, "/api/products/\(id)/inventory", other, ["delta": 1, "reason": "restock"])
                        == "PRODUCT_NOT_FOUND")
            }
            #expect(try await code(.GET, "/api/inventory/stream?vendorId=777", nil) == "VENDOR_NOT_FOUND")
            #expect(try await code(.GET, "/api/inventory/stream?vendorId=4", nil) == "VENDOR_NOT_FOUND")
        }
    }

    @Test("depends on the vendor's state, for its owner and for an admin alike")
    func vendorStatus() async throws {
        let platform = try await TestPlatform()
        try await platform.serving { gateway in
            let world = try await World(gateway)
            let booked = try await world.fill("{booking}").stringValue ?? ""
            let other = try await world.fill("{booking}").stringValue ?? ""
            _ = try await platform.vendors.setVendorStatus(SetVendorStatus(id: world.vendor.id, to: .suspended))
            for actor in [Actor.owner, .admin] {
                let token = try await world.token(actor)
                func answer(_ method: HTTPMethod, _ path: String, _ body: JSONValue) async throws -> String {
                    let answer = try await gateway.http.send(method, path, body, token: token)
                    return "\(answer.status) \(answer.code ?? "")"
                }
                let product: JSONValue = [
                    "sku": "S", "name": "P", "price": ["amountMinor": 1, "currency": "EUR"], "species": ["dog"],
                ]
                let shop = "/api/products?vendorId=\(world.vendor.id)"
                #expect(try await answer(.POST, shop, product) == "409 VENDOR_NOT_ACTIVE")
                #expect(
                    try await answer(.PATCH, "/api/bookings/\(booked)/status", ["status": "confirmed"])
                        == "409 VENDOR_NOT_ACTIVE")
                // What was promised can be ended, and the shop put in order.
                #expect(
                    try await answer(
                        .PATCH, "/api/bookings/\(actor == .owner ? booked : other)/status", ["status": "cancelled"])
                        == "200 ")
                #expect(
                    try await answer(.POST, "/api/vendors/\(world.vendor.id)/services", Self.service) == "201 ")
                let path = try await world.fill("/api/products/{product}/inventory").stringValue ?? ""
                #expect(try await answer(.POST, path, ["delta": 1, "reason": "restock"]) == "200 ")
            }
            // Before the event has taken the product out of the shop, its vendor's state decides.
            let reserve = try await world.fill("/api/products/{product}/reservations").stringValue ?? ""
            let reserved = try await gateway.http.post(
                reserve, ["quantity": 1], token: try await world.token(.customer))
            #expect(reserved.status == 409 && reserved.code == "VENDOR_NOT_ACTIVE")
        }
    }

    @Test("lets an admin see and approve a vendor that waits, and its owner see it")
    func approval() async throws {
        let platform = try await TestPlatform(needsApproval: true)
        try await platform.serving { gateway in
            let http = gateway.http
            let made = try await http.make("/api/vendors", HTTP.registration("new@petpro.example"))
            let id = try #require(made["id"]?.intValue)
            try await platform.deliverEvents()
            let owner = try await http.signIn("new@petpro.example", HTTP.password)
            let admin = try await http.signIn("admin@petpro.example")
            #expect(try await http.get("/api/vendors/\(id)").status == 404)
            #expect(try await http.get("/api/vendors/\(id)", token: owner).body["status"] == "pending_approval")
            let waiting = try await http.get("/api/vendors?status=pending_approval", token: admin)
            #expect(waiting.body["items"]?.arrayValue?.contains { $0["id"]?.intValue == id } == true)
            let approved = try await http.send(.PATCH, "/api/vendors/\(id)/status", ["status": "active"], token: admin)
            #expect(approved.status == 200)
            #expect(try await http.get("/api/vendors/\(id)").status == 200)
        }
    }

    @Test("shows a vendor without its account, and no address that was not given for that")
    func publicVendor() async throws {
        let platform = try await TestPlatform()
        try await platform.serving { gateway in
            let made = try await gateway.http.make("/api/vendors", HTTP.registration("secret-login@petpro.example"))
            let id = try #require(made["id"]?.intValue)
            let answers = [
                made, try await gateway.http.get("/api/vendors/\(id)").body,
                try await gateway.http.get("/api/vendors").body,
                try await gateway.http.get("/api/products/9001/availability").body,
            ]
            for answer in answers {
                #expect(!answer.jsonText.contains("secret-login") && !answer.jsonText.contains("userId"))
            }
        }
    }
}

/// The actors, and what belongs to them.
private final class World: Sendable {
    private let gateway: RunningGateway
    let vendor: (id: Int, service: Int, token: String)
    private let tokens: [Actor: String]
    private let product: Int
    private let pet: Int
    private let number = Mutex(0)

    init(_ gateway: RunningGateway) async throws {
        self.gateway = gateway
        let http = gateway.http
        vendor = try await gateway.makeVendor(capacity: 200)
        _ = try await http.make("/api/vendors", HTTP.registration("pending@petpro.example"))
        tokens = [
            .customer: try await http.signIn("maya@petpro.example"),
            .stranger: try await http.signIn("dewi@petpro.example"), .owner: vendor.token,
            .otherVendor: try await http.signIn("marigold@petpro.example"),
            .admin: try await http.signIn("admin@petpro.example"), .ops: try await http.signIn("ops@petpro.example"),
            .pending: try await http.signIn("pending@petpro.example", HTTP.password),
        ]
        let made = try await http.make(
            "/api/products",
            [
                "sku": "SKU", "name": "P", "price": ["amountMinor": 1, "currency": "EUR"], "species": ["dog"],
                "quantity": 1000,
            ], token: vendor.token)
        product = made["id"]?.intValue ?? 0
        pet = try await http.makePet(tokens[.customer] ?? "")
    }

    func token(_ actor: Actor) async throws -> String? { tokens[actor] }

    private func next() -> Int {
        number.withLock { number in
            number += 1
            return number
        }
    }

    /// Puts ids for the names in braces; a text that is nothing but a name becomes a number.
    func fill(_ template: JSONValue) async throws -> JSONValue {
        switch template {
        case .object(let object):
            var filled = JSONObject()
            for (key, value) in object { filled[key] = try await fill(value) }
            return .object(filled)
        case .array(let values):
            var filled: [JSONValue] = []
            for value in values { filled.append(try await fill(value)) }
            return .array(filled)
        case .string(let text): return try await fill(text)
        default: return template
        }
    }

    private func fill(_ text: String) async throws -> JSONValue {
        let ids = [
            "{vendor}": vendor.id, "{service}": vendor.service, "{product}": product, "{pet}": pet, "{hidden}": 4,
        ]
        if let id = ids[text], !text.hasPrefix("{hidden"), !text.hasPrefix("{product") { return .int(Int64(id)) }
        var text = text
        for (name, id) in ids { text = text.replacing(name, with: "\(id)") }
        if text.contains("{new}") { text = text.replacing("{new}", with: "new-\(next())@petpro.example") }
        if text.contains("{start}") { text = text.replacing("{start}", with: start(next())) }
        if text.contains("{booking}") { text = text.replacing("{booking}", with: "\(try await book())") }
        if text.contains("{reservation}") { text = text.replacing("{reservation}", with: "\(try await reserve())") }
        return .string(text)
    }

    private func book() async throws -> Int {
        let wish: JSONValue = [
            "vendorId": .int(Int64(vendor.id)), "serviceId": .int(Int64(vendor.service)), "petId": .int(Int64(pet)),
            "start": .string(start(next())),
        ]
        return try await gateway.http.make("/api/bookings", wish, token: tokens[.customer])["id"]?.intValue ?? 0
    }

    private func reserve() async throws -> Int {
        let made = try await gateway.http.make(
            "/api/products/\(product)/reservations", ["quantity": 1], token: tokens[.customer])
        return made["id"]?.intValue ?? 0
    }
}

import ArgumentParser
import AsyncHTTPClient
import CommandSupport
import NIOHTTP1
import PetProStorage
import Rookery
import PetProRuntime

struct Demo: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Runs the three flows against a running platform, step by step.",
        discussion: """
            It registers a new vendor and a new customer, so you can run it as often as you like. If the platform runs \
            with --demo, it also prints the calls that each step caused.
            """)

    @Option(help: "The platform's URL.")
    var url = "http://127.0.0.1:8080"

    func run() async throws {
        var configuration = HTTPClient.Configuration()
        // Without connection retries, an unreachable gateway fails at once, not after 10 s.
        configuration.connectionPool.retryConnectionEstablishment = false
        try await HTTPClient.withHTTPClient(configuration: configuration) { http in
            try await flows(DemoClient(url: url, http: http))
        }
    }

    private func flows(_ client: DemoClient) async throws {
        let run = String(ServiceEnvironment.randomID().prefix(8))
        Terminal.line(Terminal.strong("Vendor registration"))
        let vendor = try await client.step(
            "register a vendor", .POST, "/api/vendors", expecting: 201,
            body: [
                "user": [
                    "email": .string("vendor-\(run)@petpro.example"), "password": "correct horse",
                    "name": "Vera Vendor",
                ],
                "vendor": [
                    "businessName": .string("Demo Grooming \(run)"), "type": "grooming", "timeZone": "Europe/Berlin",
                    "currency": "EUR", "capacity": 1,
                ],
            ], headers: [("Idempotency-Key", "demo-\(run)")])
        guard let vendorId = vendor["id"]?.intValue else { throw CommandFailure("the vendor has no id") }
        let login: JSONValue = ["email": .string("vendor-\(run)@petpro.example"), "password": "correct horse"]
        let vendorToken = try await client.signIn("sign in as the vendor", login)
        try await client.untilActive(vendorToken)
        let hours: [JSONValue] = (1...7).map { ["weekday": .int($0), "open": "00:00", "close": "24:00"] }
        _ = try await client.step(
            "set the opening hours", .PUT, "/api/vendors/\(vendorId)/hours", expecting: 200,
            body: ["hours": .array(hours)], token: vendorToken)
        let service = try await client.step(
            "offer a service", .POST, "/api/vendors/\(vendorId)/services", expecting: 201,
            body: [
                "name": "Bath & Brush", "durationMinutes": 45, "price": ["amountMinor": 4800, "currency": "EUR"],
                "species": ["dog"],
            ], token: vendorToken)
        let product = try await client.step(
            "offer a product", .POST, "/api/products", expecting: 201,
            body: [
                "sku": "SHAMPOO", "name": "Oatmeal Shampoo", "price": ["amountMinor": 1290, "currency": "EUR"],
                "species": ["dog"], "quantity": 6, "lowStockThreshold": 8,
            ], token: vendorToken)

        Terminal.line(Terminal.strong("\nBooking creation"))
        let customer: JSONValue = [
            "email": .string("customer-\(run)@petpro.example"), "password": "battery staple", "name": "Carla Customer",
        ]
        _ = try await client.step(
            "register a customer", .POST, "/api/auth/register", expecting: 201, body: customer)
        let token = try await client.signIn(
            "sign in", ["email": .string("customer-\(run)@petpro.example"), "password": "battery staple"])
        let pet = try await client.step(
            "enter a pet", .POST, "/api/pets", expecting: 201, body: ["name": "Žofie 🐶", "species": "dog"], token: token
        )
        let other = try await client.step(
            "enter another pet", .POST, "/api/pets", expecting: 201, body: ["name": "Bob", "species": "dog"],
            token: token)
        // Noon UTC in two days. The vendor is always open, so its time zone does not matter.
        let day = Instant.current().milliseconds / 86_400_000 + 2
        let start = Instant(milliseconds: day * 86_400_000 + 12 * 3_600_000)
        func booking(_ pet: JSONValue) -> JSONValue {
            [
                "vendorId": .int(Int64(vendorId)), "serviceId": service["id"] ?? .null, "petId": pet["id"] ?? .null,
                "start": .string(start.description),
            ]
        }
        _ = try await client.step(
            "book with an invalid token", .POST, "/api/bookings", expecting: 401, body: booking(pet),
            token: "not.a.token")
        let booked = try await client.step(
            "book", .POST, "/api/bookings", expecting: 201, body: booking(pet), token: token)
        _ = try await client.step(
            "book the same time for the other pet", .POST, "/api/bookings", expecting: 409, body: booking(other),
            token: token)
        Terminal.line("  booked \(booked["reference"]?.stringValue ?? "?") for \(start)")

        Terminal.line(Terminal.strong("\nProduct inventory check"))
        _ = try await client.step(
            "check the product's availability", .GET, "/api/products/\(product["id"]?.intValue ?? 0)/availability",
            expecting: 200)
        Terminal.line("\nAll steps answered as expected.")
        await client.draw("book")
    }
}

import Foundation
import NIOCore
import PetProTesting
import Rookery
import Synchronization

/// The requests of the flows, and the accounts that they need.
final class Flows: Sendable {
    private struct Shop: Sendable {
        let vendor: Int
        let service: Int
        let token: String
    }

    /// A customer that books. There are many, because an account has at most 100 bookings that are not over yet.
    private struct Customer: Sendable {
        let token: String
        let pet: Int
        let shop: Shop
        static let bookings = 90
    }

    private static let shopCount = 40
    /// How many accounts ``prepare(_:bookings:)`` creates concurrently.
    private static let atOnce = 4
    private static let email = "bench@petpro.example"

    /// A product whose stock does not run out, its vendor, and the token of the vendor's account.
    let product: (id: Int, vendor: Int, token: String)
    private let customers: [Customer]
    /// How many bookings all runs have requested.
    private let booked = Mutex(0)

    private init(_ product: (id: Int, vendor: Int, token: String), _ customers: [Customer]) {
        self.product = product
        self.customers = customers
    }

    /// Registers vendors with a capacity of 100, a product, and enough customers for this number of bookings.
    static func prepare(_ http: HTTP, bookings: Int) async throws -> Flows {
        let shops = try await several(bookings == 0 ? 1 : shopCount) { _ in
            let vendor = try await http.makeVendor(capacity: 100)
            return Shop(vendor: vendor.id, service: vendor.service, token: vendor.token)
        }
        let product = try await http.make(
            "/api/products",
            [
                "sku": "KIB-1", "name": "Salmon Kibble 2 kg", "price": ["amountMinor": 2400, "currency": "EUR"],
                "species": ["dog", "cat"], "quantity": 1000,
            ], token: shops[0].token)
        _ = try await http.make(
            "/api/auth/register",
            ["email": .string(email), "password": .string(HTTP.password), "name": "Benjamin"])
        let customers = try await several((bookings + Customer.bookings - 1) / Customer.bookings) { number in
            let token = try await http.makeCustomer()
            let pet = try await http.makePet(token, name: "Dog \(number)")
            return Customer(token: token, pet: pet, shop: shops[number % shops.count])
        }
        guard let id = product["id"]?.intValue else { throw HTTP.Unexpected("a product without an id") }
        return Flows((id, shops[0].vendor, shops[0].token), customers)
    }

    private static func several<Value: Sendable>(
        _ count: Int, _ make: @escaping @Sendable (Int) async throws -> Value
    ) async throws -> [Value] {
        try await withThrowingTaskGroup(of: Value.self) { group in
            var made: [Value] = []
            for number in 0..<count {
                if number >= atOnce, let value = try await group.next() { made.append(value) }
                group.addTask { try await make(number) }
            }
            for try await value in group { made.append(value) }
            return made
        }
    }

    /// Returns the next request of flow 1, a booking.
    ///
    /// After 90 bookings of each customer the times repeat, and the platform refuses these bookings.
    func booking(notes: String? = nil) -> ByteBuffer {
        let number = booked.withLock { booked in
            defer { booked += 1 }
            return booked
        }
        let customer = customers[number % customers.count]
        let day = Int64(Date().timeIntervalSince1970) / 86_400 + 3
        let start = Instant(
            milliseconds: day * 86_400_000 + Int64(number / customers.count % Customer.bookings) * 1_800_000)
        let body =
            "{\"vendorId\":\(customer.shop.vendor),\"serviceId\":\(customer.shop.service),\"petId\":\(customer.pet),"
            + "\"start\":\"\(start)\"" + (notes.map { ",\"notes\":\"\($0)\"" } ?? "") + "}"
        return RequestBytes.post("/api/bookings", body, token: customer.token, key: "bench-\(number)")
    }

    /// Returns the request of flow 2, the availability of the product.
    func availability() -> ByteBuffer { RequestBytes.get("/api/products/\(product.id)/availability") }

    /// Returns a request for a list: in turn vendors, products, and a customer's bookings.
    func list(_ number: Int) -> ByteBuffer {
        switch number % 3 {
        case 0: RequestBytes.get("/api/vendors?limit=20")
        case 1: RequestBytes.get("/api/products?limit=20")
        default: RequestBytes.get("/api/bookings?limit=20", token: customers[number % customers.count].token)
        }
    }

    /// Returns a request to sign in.
    func login() -> ByteBuffer {
        let body: JSONValue = ["email": .string(Self.email), "password": .string(HTTP.password)]
        return RequestBytes.post("/api/auth/login", body.jsonText)
    }

    /// Returns the request of flow 3, the registration of a new vendor.
    func registration() -> ByteBuffer {
        RequestBytes.post("/api/vendors", HTTP.registration("\(UUID().uuidString)@petpro.example").jsonText)
    }
}

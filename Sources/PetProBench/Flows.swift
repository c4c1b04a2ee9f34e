import Foundation
import NIOCore
import PetProTesting
import Rookery
import Synchronization

/// The requests of the flows, with the accounts that a platform needs for them.
final class Flows: Sendable {
    private struct Shop: Sendable {
        let vendor: Int
        let service: Int
        let token: String
    }

    /// One who books. An account may have only so many bookings that are not over yet, so there are many.
    private struct Customer: Sendable {
        let token: String
        let pet: Int
        let shop: Shop
        static let bookings = 90
    }

    private static let shopCount = 40
    /// Accounts that are made at once.
    private static let atOnce = 4
    private static let email = "bench@petpro.example"

    /// A product whose stock never runs out, and who may change it.
    let product: (id: Int, vendor: Int, token: String)
    private let customers: [Customer]
    /// Bookings that were asked for, in all runs: each is a wish of its own.
    private let booked = Mutex(0)

    private init(_ product: (id: Int, vendor: Int, token: String), _ customers: [Customer]) {
        self.product = product
        self.customers = customers
    }

    /// Enters vendors with room for many, a product, and customers for so many bookings.
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

    /// Flow 1: the next booking. When every customer has made all that it may, the wishes begin anew, and are refused.
    func booking() -> ByteBuffer {
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
            + "\"start\":\"\(start)\"}"
        return RequestBytes.post("/api/bookings", body, token: customer.token, key: "bench-\(number)")
    }

    /// Flow 2: whether a product can be had.
    func availability() -> ByteBuffer { RequestBytes.get("/api/products/\(product.id)/availability") }

    /// The lists: vendors, products, and a customer's bookings.
    func list(_ number: Int) -> ByteBuffer {
        switch number % 3 {
        case 0: RequestBytes.get("/api/vendors?limit=20")
        case 1: RequestBytes.get("/api/products?limit=20")
        default: RequestBytes.get("/api/bookings?limit=20", token: customers[number % customers.count].token)
        }
    }

    /// A sign-in.
    func login() -> ByteBuffer {
        let body: JSONValue = ["email": .string(Self.email), "password": .string(HTTP.password)]
        return RequestBytes.post("/api/auth/login", body.jsonText)
    }

    /// Flow 3: the registration of a vendor that has not been registered.
    func registration() -> ByteBuffer {
        RequestBytes.post("/api/vendors", HTTP.registration("\(UUID().uuidString)@petpro.example").jsonText)
    }
}

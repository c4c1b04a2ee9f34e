import PetProContracts
import PetProRuntime
import PetProStorage
import PetProTesting
import Rookery
import RookeryTesting
import Testing

@testable import ProductService

@Suite("Stock whose tables refuse writes")
struct FaultTests {
    private static let now = Instant(milliseconds: 1_800_000_000_000)
    private let database: Database
    private let products: ProductController

    init() async throws {
        database = try Database.temporary(ProductController.migrations)
        products = try await ProductController(
            database: database, environment: ServiceEnvironment(now: { Self.now }))
    }

    private func make(_ run: Int) async throws -> Product {
        try await products.createProduct(
            CreateProduct(
                vendorId: 1, sku: "SKU-\(run)", name: "Kibble", price: Money(amountMinor: 2450, currency: .usd),
                currency: .usd, species: [.cat], quantity: 1000, lowStockThreshold: 3))
    }

    private func reserve(_ product: Product, _ key: String, customer: Int = 5) async throws -> Reservation {
        try await products.reserveInventory(
            ReserveInventory(productId: product.id, quantity: 1, customerId: customer, key: key))
    }

    @Test("is made with its product, or not at all")
    func made() async throws {
        let needed = try await FaultPoint.tables(that: { _ = try await make($0) }, needsIn: database)
        #expect(needed == ["inventory", "products"])
    }

    @Test("changes with its log and the kept reply, or not at all, and a repetition then changes it once")
    func changed() async throws {
        let product = try await make(0)
        var runs = 0
        func adjust(_ run: Int) async throws {
            _ = try await products.adjustInventory(
                AdjustInventory(productId: product.id, delta: -1, reason: .adjustment, actorId: 3, key: "k\(run)"))
        }
        let needed = try await FaultPoint.tables(
            that: { run in
                runs += 1
                try await adjust(run)
            }, needsIn: database)
        #expect(needed == ["events", "idempotency", "inventory", "inventory_changes"])
        for run in 0..<runs { try await adjust(run) }
        #expect(try await products.checkInventory(CheckInventory(productId: product.id)).quantity == 1000 - runs)
    }

    @Test("is reserved, taken and given back whole, or not at all")
    func reserved() async throws {
        let product = try await make(0)
        var held: [Reservation] = []
        let reserving = try await FaultPoint.tables(
            that: { held.append(try await reserve(product, "a\($0)")) }, needsIn: database)
        #expect(reserving == ["events", "idempotency", "inventory", "inventory_changes", "reservations"])
        let more = held.count
        for run in 0..<40 { held.append(try await reserve(product, "b\(run)", customer: 6)) }
        var next = 0
        func turn() throws -> Int {
            defer { next += 1 }
            return try #require(held.indices.contains(next) ? held[next].id : nil)
        }
        let taking = try await FaultPoint.tables(
            that: { _ in _ = try await products.commitReservation(CommitReservation(id: turn())) }, needsIn: database)
        #expect(taking == ["events", "inventory", "inventory_changes", "reservations"])
        let giving = try await FaultPoint.tables(
            that: { _ in _ = try await products.releaseReservation(ReleaseReservation(id: turn())) },
            needsIn: database)
        #expect(giving == ["events", "inventory", "inventory_changes", "reservations"])
        #expect(next < more + 40)
    }

    @Test("leaves the shop with its vendor, and that is noted, or does neither")
    func vendorGone() async throws {
        _ = try await make(0)
        let needed = try await FaultPoint.tables(
            that: { run in
                try await products.vendorStatusChanged(
                    EventEnvelope<VendorStatusChanged>(
                        eventId: "e\(run)", type: "vendor.status-changed", occurredAt: Self.now,
                        data: run.isMultiple(of: 2)
                            ? VendorStatusChanged(vendorId: 1, from: .active, to: .suspended)
                            : VendorStatusChanged(vendorId: 1, from: .suspended, to: .active)))
            }, needsIn: database)
        #expect(needed.isSuperset(of: ["inactive_vendors", "received"]))
    }
}

import PetProContracts
import PetProRuntime
import PetProStorage
import PetProTesting
import Rookery
import RookeryTesting
import Synchronization
import Testing

@testable import ProductService

private let start = Instant(milliseconds: 1_800_000_000_000)

@Suite("Stock")
struct StockTests {
    @Test("never has fewer pieces than it has promised, whatever happens", arguments: 0..<10)
    func invariant(_ seed: UInt64) {
        var state = seed &* 0x9E37_79B9_7F4A_7C15 &+ 1
        func random(_ bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % bound
        }
        var stock = Stock(quantity: 20, reserved: 0, threshold: 5)
        var held: [Int] = []
        for _ in 0..<10_000 {
            let before = stock
            do {
                switch random(4) {
                case 0: try stock.adjust(by: random(21) - 10)
                case 1:
                    let count = 1 + random(8)
                    try stock.hold(count)
                    held.append(count)
                case 2: if let count = held.popLast() { stock.release(count) }
                default: if let count = held.popLast() { stock.commit(count) }
                }
            } catch {
                #expect(stock == before)
            }
            #expect(stock.reserved >= 0 && stock.reserved <= stock.quantity)
            #expect(stock.reserved == held.reduce(0, +))
        }
    }
}

@Suite("A product")
struct ProductTests {
    private let time = SettableTime(start)
    private let products: ProductController
    private let product: Product

    init() async throws {
        let time = self.time
        products = try await ProductController(
            database: try Database.temporary(ProductController.migrations),
            environment: ServiceEnvironment(now: { time.now }))
        product = try await products.createProduct(
            CreateProduct(
                vendorId: 1, sku: "KIB", name: "Kibble", price: Money(amountMinor: 2450, currency: .usd),
                currency: .usd, species: [.cat], quantity: 10, lowStockThreshold: 3))
    }

    private func code<Value>(_ body: () async throws -> Value) async throws -> RemoteError.Code? {
        try await refusal(body)?.code
    }

    private func reserve(_ count: Int, key: String, customer: Int = 5) async throws -> Reservation {
        try await products.reserveInventory(
            ReserveInventory(productId: product.id, quantity: count, customerId: customer, key: key))
    }

    private func stock() async throws -> Inventory {
        try await products.checkInventory(CheckInventory(productId: product.id))
    }

    @Test("has a SKU that is its vendor's only once")
    func sku() async throws {
        let again = CreateProduct(
            vendorId: 1, sku: "KIB", name: "x", price: Money(amountMinor: 1, currency: .usd), currency: .usd,
            species: [.cat])
        #expect(try await code { try await products.createProduct(again) } == .skuTaken)
        #expect(try await code { try await products.getProduct(GetProduct(id: 99)) } == .productNotFound)
        #expect(try await code { try await products.checkInventory(CheckInventory(productId: 99)) } == .productNotFound)
    }

    @Test("can be promised as far as there is some, for 15 minutes")
    func reservations() async throws {
        let first = try await reserve(8, key: "a")
        #expect(try await reserve(8, key: "a") == first)
        #expect(try await code { try await reserve(7, key: "a") } == .keyReused)
        #expect(try await code { try await reserve(3, key: "b") } == .insufficientStock)
        #expect(try await stock().available == 2)
        #expect(try await stock().status == .lowStock)

        #expect(
            try await code { try await products.releaseReservation(ReleaseReservation(id: first.id, customerId: 6)) }
                == .reservationNotFound)
        #expect(try await products.expireReservations() == 0)
        time.pass(.seconds(900))
        #expect(
            try await code { try await products.commitReservation(CommitReservation(id: first.id)) }
                == .reservationExpired)
        #expect(try await products.expireReservations() == 1)
        #expect(try await stock().available == 10)
    }

    @Test("leaves with a committed reservation, and comes back with a released one, once")
    func ends() async throws {
        let first = try await reserve(4, key: "a")
        let second = try await reserve(2, key: "b")
        _ = try await products.commitReservation(CommitReservation(id: first.id, customerId: 5))
        _ = try await products.commitReservation(CommitReservation(id: first.id, customerId: 5))
        _ = try await products.releaseReservation(ReleaseReservation(id: second.id, customerId: 5))
        _ = try await products.releaseReservation(ReleaseReservation(id: second.id, customerId: 5))
        let now = try await stock()
        #expect(now.quantity == 6 && now.reserved == 0 && now.version == 5)
        #expect(
            try await code { try await products.releaseReservation(ReleaseReservation(id: first.id)) }
                == .reservationExpired)
    }

    @Test("is adjusted once per key, and not below what is promised")
    func adjustments() async throws {
        func adjust(
            _ delta: Int, _ key: String, _ reason: InventoryReason = .restock, by actor: Int = 3
        ) async throws -> Inventory {
            try await products.adjustInventory(
                AdjustInventory(productId: product.id, delta: delta, reason: reason, actorId: actor, key: key))
        }
        _ = try await reserve(5, key: "r")
        #expect(try await adjust(5, "a").quantity == 15)
        #expect(try await adjust(5, "a").quantity == 15)
        #expect(try await code { try await adjust(-11, "b", .adjustment) } == .belowReserved)
        #expect(try await code { try await adjust(1, "c", .hold) } == .invalidPayload)
        #expect(try await adjust(-10, "d", .adjustment).available == 0)
        // Another's key is another key.
        #expect(try await adjust(7, "a", by: 4).quantity == 12)
    }

    @Test("is changed by something, and upwards when it is restocked or comes back")
    func deltas() {
        let table: [(Int, InventoryReason, String?)] = [
            (0, .restock, "delta"), (-5, .restock, "delta"), (1, .restock, nil), (0, .returned, "delta"),
            (-1, .returned, "delta"), (1, .returned, nil), (0, .adjustment, "delta"), (-5, .adjustment, nil),
            (5, .adjustment, nil), (1, .hold, "reason"), (1, .release, "reason"), (1, .commit, "reason"),
            (1, .expiry, "reason"),
        ]
        for (delta, reason, path) in table {
            #expect(Stock.violations(delta, reason).map(\.path) == (path.map { [$0] } ?? []), "\(delta) \(reason)")
        }
    }

    @Test("has a price that is not negative, in its vendor's currency")
    func price() async throws {
        let wrong = CreateProduct(
            vendorId: 1, sku: "X", name: "x", price: Money(amountMinor: 1, currency: .eur), currency: .usd,
            species: [.cat])
        let error = try await refusal { try await products.createProduct(wrong) }
        #expect(error?.details?.arrayValue?.map { $0["path"] } == ["price.currency"])
        for amount in [-1, 1_000_000_000_001, .max] {
            var negative = wrong
            negative.price = Money(amountMinor: amount, currency: .usd)
            let refused = #expect(throws: InvalidPayload.self) { try CreateProduct.decode(json: negative.json) }
            #expect(refused?.violations.map(\.path) == ["price.amountMinor"])
        }
    }

    @Test("can be held 50 times by one customer")
    func heldReservations() async throws {
        _ = try await products.adjustInventory(
            AdjustInventory(productId: product.id, delta: 100, reason: .restock, actorId: 3, key: "r"))
        for number in 0..<Holdings.reservations { _ = try await reserve(1, key: "k\(number)") }
        #expect(try await code { try await reserve(1, key: "more") } == .limitReached)
        #expect(try await reserve(1, key: "k0").id == 1, "a repetition is none more")
        _ = try await reserve(1, key: "k", customer: 6)
        _ = try await products.releaseReservation(ReleaseReservation(id: 1, customerId: 5))
        _ = try await reserve(1, key: "more")
    }

    @Test("is one of at most 1000 of its vendor's")
    func products1000() async throws {
        func create(_ number: Int, vendor: Int = 1) async throws -> Product {
            try await products.createProduct(
                CreateProduct(
                    vendorId: vendor, sku: "S\(number)", name: "x", price: Money(amountMinor: 1, currency: .usd),
                    currency: .usd, species: [.cat]))
        }
        for number in 1..<Holdings.products { _ = try await create(number) }
        #expect(try await code { try await create(1000) } == .limitReached)
        _ = try await create(1, vendor: 2)
    }

    @Test(
        "is found by an index, however products are asked for",
        .enabled(if: Database.testServer == nil, "looks at SQLite's plans"))
    func plans() async throws {
        for request in [ListProducts(), ListProducts(vendorId: 1), ListProducts(species: .cat, after: 7)] {
            let (sql, values) = Transaction.listing(request)
            let plan = try await products.database.plan(sql, values)
            #expect(plan.contains("SEARCH") && !plan.contains("SCAN"), "\(plan)")
        }
    }

    @Test("is watched: its stock, then every change in the order of the commits, none twice")
    func watching() async throws {
        var chunks = try await products.watchInventoryChanges(WatchInventoryChanges(productIds: [product.id]))
            .makeAsyncIterator()
        guard case .snapshot(product.id, 10, 0, 10, .inStock, 1)? = try await chunks.next() else {
            Issue.record("no snapshot")
            return
        }
        guard case .snapshotEnd(let cursor)? = try await chunks.next() else {
            Issue.record("no end of the snapshot")
            return
        }
        #expect(cursor.hasSuffix(":0"))
        for number in 0..<10 { _ = try await reserve(1, key: "k\(number)") }
        var seen: [Int] = []
        while seen.count < 10, let chunk = try await chunks.next() {
            guard case .change(let seq, product.id, let version, .hold, let before, let after, _, _) = chunk else {
                continue
            }
            seen.append(seq)
            #expect(version == seen.count + 1 && after.reserved == before.reserved + 1 && after.reserved == seen.count)
        }
        #expect(seen == Array(1...10))
    }

    @Test("that does not exist cannot be watched")
    func watchRefused() async throws {
        #expect(
            try await code { try await products.watchInventoryChanges(WatchInventoryChanges(productIds: [99])) }
                == .productNotFound)
    }

    @Test("is out of the shop while its vendor is")
    func vendorSuspended() async throws {
        func tell(_ id: String, _ from: VendorStatus, _ to: VendorStatus) async throws {
            try await products.vendorStatusChanged(
                EventEnvelope<VendorStatusChanged>(
                    eventId: id, type: "vendor.status-changed", occurredAt: start,
                    data: VendorStatusChanged(vendorId: 1, from: from, to: to)))
        }
        try await tell("e1", .active, .suspended)
        #expect(try await products.listProducts(ListProducts()).items.isEmpty)
        #expect(try await code { try await reserve(1, key: "a") } == .productNotFound)
        // One that is made meanwhile is not in it either.
        let made = try await products.createProduct(
            CreateProduct(
                vendorId: 1, sku: "NEW", name: "New", price: Money(amountMinor: 1, currency: .usd), currency: .usd,
                species: [.cat]))
        #expect(made.status == .inactive)
        #expect(try await products.listProducts(ListProducts()).items.isEmpty)
        try await tell("e2", .suspended, .active)
        #expect(try await products.listProducts(ListProducts(species: .cat)).items.count == 2)
        #expect(try await products.listProducts(ListProducts(species: .dog)).items.isEmpty)
    }
}

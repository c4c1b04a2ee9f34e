import PetProContracts
import PetProStorage
import Rookery
import PetProRuntime

extension ProductController {
    private struct DemoProduct: Sendable {
        let id: Int
        let product: CreateProduct
        var reserved = 0
    }

    private static let demoProducts = [
        DemoProduct(
            id: 9001,
            product: CreateProduct(
                vendorId: 1, sku: "KIB-SAL-2", name: "Salmon Kibble 2 kg",
                price: Money(amountMinor: 2450, currency: .usd), currency: .usd,
                species: [.cat, .dog], quantity: 40, lowStockThreshold: 8), reserved: 3),
        DemoProduct(
            id: 9002,
            product: CreateProduct(
                vendorId: 1, sku: "SHA-OAT", name: "Oatmeal Shampoo", price: Money(amountMinor: 1290, currency: .usd),
                currency: .usd,
                species: [.dog], quantity: 6, lowStockThreshold: 8)),
        DemoProduct(
            id: 9003,
            product: CreateProduct(
                vendorId: 2, sku: "COMB-FLEA", name: "Flea Comb", price: Money(amountMinor: 4_500_000, currency: .idr),
                currency: .idr,
                species: [.cat, .dog], quantity: 0, lowStockThreshold: 5)),
        DemoProduct(
            id: 9004,
            product: CreateProduct(
                vendorId: 3, sku: "WORM-TAB", name: "Worming Tablets", price: Money(amountMinor: 980, currency: .eur),
                currency: .eur,
                species: [.dog], quantity: 120, lowStockThreshold: 10)),
    ]

    /// Inserts the demo products, if there are no products yet.
    public func enterDemoProducts() async throws {
        guard try await database.isEmpty("products") else { return }
        let now = environment.now()
        try await database.write { transaction in
            guard try !transaction.exists("SELECT 1 FROM products LIMIT 1") else { return }
            for demo in Self.demoProducts { try transaction.enter(demo.product, id: demo.id, demo.reserved, at: now) }
            try transaction.idsWereChosen(in: "products")
        }
    }
}

extension Transaction {
    fileprivate func enter(_ product: CreateProduct, id: Int, _ reserved: Int, at now: Instant) throws {
        // The ids are fixed, because the documentation names them.
        try execute(
            "INSERT INTO products (id, vendor_id, sku, name, price, species, status) VALUES (?, ?, ?, ?, ?, ?, 'active')",
            id, product.vendorId, product.sku, product.name, product.price.json, product.species.json)
        try execute(
            """
            INSERT INTO inventory (product_id, quantity, reserved, threshold, version, updated_at)
            VALUES (?, ?, ?, ?, 1, ?)
            """, id, product.quantity, reserved, product.lowStockThreshold, now)
        if reserved > 0 {
            _ = try insertReservation(
                ReserveInventory(productId: id, quantity: reserved, customerId: 6, key: "demo-\(id)"),
                expiresAt: now + .seconds(30 * 24 * 3600))
        }
    }
}

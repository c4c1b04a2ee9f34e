import PetProContracts
import PetProStorage
import Rookery

/// A product's row of `inventory`.
struct InventoryRecord: Sendable {
    var productId: Int
    var stock: Stock
    var version: Int

    func inventory(at now: Instant) -> Inventory {
        Inventory(
            productId: productId, quantity: stock.quantity, reserved: stock.reserved, available: stock.available,
            status: stock.status, version: version, asOf: now)
    }
}

extension Transaction {
    private static let productColumns = "id, vendor_id, sku, name, price, species, status"

    private static func product(_ row: inout Row) throws -> Product {
        Product(
            id: try row.int(), vendorId: try row.int(), sku: try row.text(), name: try row.text(),
            price: try row.json(), species: try row.json(), status: try row.value())
    }

    /// Returns a product. Throws `PRODUCT_NOT_FOUND`.
    func product(id: Int) throws -> Product {
        let found = try row("SELECT \(Self.productColumns) FROM products WHERE id = ?", id, read: Self.product)
        guard let found else { throw RemoteError(.productNotFound, "There is no such product.") }
        return found
    }

    /// Returns products in the shop by id.
    func products(_ request: ListProducts) throws -> [Product] {
        let (sql, values) = Self.listing(request)
        return try rows(sql, values, read: Self.product)
    }

    static func listing(_ request: ListProducts) -> (sql: String, values: [any SQLConvertible]) {
        var conditions = Conditions()
        conditions.add("status = ?", ProductStatus.active.rawValue)
        conditions.add("vendor_id = ?", request.vendorId)
        conditions.add("species LIKE '%\"' || ? || '\"%'", request.species?.rawValue)
        conditions.add("id > ?", request.after)
        return (
            "SELECT \(productColumns) FROM products \(conditions.sql) ORDER BY id LIMIT ?",
            conditions.values(and: request.limit)
        )
    }

    func productCount(ofVendor id: Int) throws -> Int {
        try row("SELECT COUNT(*) FROM products WHERE vendor_id = ?", id) { try $0.int() } ?? 0
    }

    /// Inserts a product and its stock record. The product is inactive if an event said that its vendor is. Throws `SKU_TAKEN`.
    func insertProduct(_ request: CreateProduct, at now: Instant) throws -> Product {
        let made: (id: Int, status: ProductStatus)? = try row(
            """
            INSERT INTO products (vendor_id, sku, name, price, species, status)
            VALUES (?, ?, ?, ?, ?,
                CASE WHEN EXISTS (SELECT 1 FROM inactive_vendors WHERE vendor_id = ?)
                    THEN 'inactive' ELSE 'active' END)
            ON CONFLICT (vendor_id, sku) DO NOTHING RETURNING id, status
            """, request.vendorId, request.sku, request.name, request.price.json, request.species.json, request.vendorId
        ) { (try $0.int(), try $0.value()) }
        guard let (id, status) = made else { throw RemoteError(.skuTaken, "This vendor has a product with this SKU.") }
        try execute(
            """
            INSERT INTO inventory (product_id, quantity, reserved, threshold, version, updated_at)
            VALUES (?, ?, 0, ?, 1, ?)
            """, id, request.quantity, request.lowStockThreshold, now)
        return Product(
            id: id, vendorId: request.vendorId, sku: request.sku, name: request.name, price: request.price,
            species: request.species, status: status)
    }

    // MARK: Inventory

    private static let recordColumns = "product_id, quantity, reserved, threshold, inventory.version"

    private static func record(_ row: inout Row) throws -> InventoryRecord {
        InventoryRecord(
            productId: try row.int(),
            stock: Stock(quantity: try row.int(), reserved: try row.int(), threshold: try row.int()),
            version: try row.int())
    }

    /// Returns the stock record of a product. Throws `PRODUCT_NOT_FOUND`.
    func inventory(ofProduct id: Int) throws -> InventoryRecord {
        let found = try row("SELECT \(Self.recordColumns) FROM inventory WHERE product_id = ?", id, read: Self.record)
        guard let found else { throw RemoteError(.productNotFound, "This product has no stock record.") }
        return found
    }

    /// Changes a product's stock: the row, the log and the events, in this transaction. Throws `PRODUCT_NOT_FOUND`, and
    /// what `body` throws.
    func change(
        _ productId: Int, _ reason: InventoryReason, by actor: String, at now: Instant, eventIds: [String],
        _ body: (inout Stock) throws -> Void
    ) throws -> InventoryRecord {
        let before = try inventory(ofProduct: productId)
        var after = before
        try body(&after.stock)
        after.version += 1
        try execute(
            "UPDATE inventory SET quantity = ?, reserved = ?, version = ?, updated_at = ? WHERE product_id = ?",
            after.stock.quantity, after.stock.reserved, after.version, now, productId)
        let seq = try insert(
            """
            INSERT INTO inventory_changes (product_id, version, reason, before, after, at, actor)
            VALUES (?, ?, ?, ?, ?, ?, ?)
            RETURNING seq
            """,
            productId, after.version, reason.rawValue, before.stock.level.json, after.stock.level.json, now, actor)
        try publish(
            .inventoryChanged,
            InventoryChanged(productId: productId, seq: seq, reason: reason, available: after.stock.available),
            about: "product-\(productId)", at: now, id: eventIds[0])
        if after.stock.fellLow(from: before.stock) {
            try publish(
                .lowStock,
                LowStock(
                    productId: productId, available: after.stock.available, threshold: after.stock.threshold),
                about: "product-\(productId)", at: now, id: eventIds[1])
        }
        return after
    }

    // MARK: Reservations

    private static let reservationColumns = "id, product_id, customer_id, quantity, status, expires_at"

    private static func reservation(_ row: inout Row) throws -> Reservation {
        Reservation(
            id: try row.int(), productId: try row.int(), customerId: try row.optionalInt(), quantity: try row.int(),
            status: try row.value(), expiresAt: try row.instant())
    }

    /// Returns a reservation. Throws `RESERVATION_NOT_FOUND` when it does not exist, or belongs to another customer
    /// than `customerId`.
    func reservation(id: Int, customerId: Int?) throws -> Reservation {
        let found = try row(
            "SELECT \(Self.reservationColumns) FROM reservations WHERE id = ?", id, read: Self.reservation)
        guard let found, customerId == nil || found.customerId == customerId else {
            throw RemoteError(.reservationNotFound, "There is no such reservation.")
        }
        return found
    }

    func expiredReservations(at now: Instant) throws -> [Reservation] {
        try rows(
            """
            SELECT \(Self.reservationColumns) FROM reservations
            WHERE status = 'held' AND expires_at <= ? ORDER BY expires_at LIMIT 100
            """, now, read: Self.reservation)
    }

    /// Returns how many reservations a customer holds.
    func heldReservations(ofCustomer id: Int) throws -> Int {
        try row("SELECT COUNT(*) FROM reservations WHERE customer_id = ? AND status = 'held'", id) { try $0.int() } ?? 0
    }

    func insertReservation(_ request: ReserveInventory, expiresAt: Instant) throws -> Reservation {
        let id = try insert(
            """
            INSERT INTO reservations (product_id, customer_id, quantity, status, expires_at)
            VALUES (?, ?, ?, 'held', ?)
            RETURNING id
            """, request.productId, request.customerId, request.quantity, expiresAt)
        return Reservation(
            id: id, productId: request.productId, customerId: request.customerId, quantity: request.quantity,
            status: .held, expiresAt: expiresAt)
    }

    /// Takes a person out of the reservations, which stay.
    func erasePerson(_ id: Int) throws {
        try execute("UPDATE reservations SET customer_id = NULL WHERE customer_id = ?", id)
    }

    func setStatus(_ status: ReservationStatus, ofReservation id: Int) throws {
        try execute("UPDATE reservations SET status = ? WHERE id = ?", status.rawValue, id)
    }

    // MARK: Log

    /// Returns the numbers of the first change that is kept, if there is one, and of the last one, or 0.
    func seqs() throws -> (first: Int?, last: Int) {
        let first = try row("SELECT MIN(seq) FROM inventory_changes") { try $0.optionalInt() } ?? nil
        return (first, try row("SELECT MAX(seq) FROM inventory_changes") { try $0.optionalInt() ?? 0 } ?? 0)
    }

    /// Returns the stock of the watched products. Throws `PRODUCT_NOT_FOUND` when one of `productIds` does not exist.
    func watched(_ request: WatchInventoryChanges) throws -> [InventoryRecord] {
        if let ids = request.productIds {
            return try ids.map { id in
                _ = try product(id: id)
                return try inventory(ofProduct: id)
            }
        }
        return try rows(
            """
            SELECT \(Self.recordColumns) FROM products JOIN inventory ON inventory.product_id = products.id
            WHERE vendor_id = ? ORDER BY products.id
            """, request.vendorId, read: Self.record)
    }

    /// Returns the changes after `seq`, at most `limit`, with cursors of an epoch.
    func changes(after seq: Int, limit: Int, epoch: String) throws -> [InventoryTail.Entry] {
        try rows(
            """
            SELECT seq, product_id, vendor_id, version, reason, before, after, at FROM inventory_changes
            JOIN products ON products.id = inventory_changes.product_id
            WHERE seq > ? ORDER BY seq LIMIT ?
            """, seq, limit
        ) { row in
            let (seq, productId, vendorId) = (try row.int(), try row.int(), try row.int())
            return InventoryTail.Entry(
                seq: seq, productId: productId, vendorId: vendorId,
                chunk: .change(
                    seq: seq, productId: productId, version: try row.int(), reason: try row.value(),
                    before: try row.json(), after: try row.json(), at: try row.instant(),
                    cursor: InventoryCursor(epoch: epoch, seq: seq).description))
        }
    }
}

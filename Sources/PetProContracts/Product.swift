public import Rookery

/// The commands and events of the Product service: products and their stock.
@Contract
public protocol ProductAPI: Sendable {
    /// Returns a product by its id.
    @MessagePattern(cmd: "get-product", .safe, errors: [.productNotFound])
    func getProduct(_ request: GetProduct) async throws -> Product

    /// Returns the stock of a product. Throws `PRODUCT_NOT_FOUND` when the product has no stock record.
    @MessagePattern(cmd: "check-inventory", .safe, errors: [.productNotFound])
    func checkInventory(_ request: CheckInventory) async throws -> Inventory

    /// Lists the products in the shop by id.
    @MessagePattern(cmd: "list-products", .safe, errors: [])
    func listProducts(_ request: ListProducts) async throws -> ProductPage

    /// Adds a product. The caller checks whether the vendor's status allows it.
    @MessagePattern(cmd: "create-product", errors: [.skuTaken, .limitReached])
    func createProduct(_ request: CreateProduct) async throws -> Product

    /// Changes the stock of a product. Idempotent by its key.
    @MessagePattern(cmd: "adjust-inventory", .keyed, errors: [.productNotFound, .belowReserved, .keyReused])
    func adjustInventory(_ request: AdjustInventory) async throws -> Inventory

    /// Reserves pieces for a customer, for 15 minutes. Idempotent by its key.
    @MessagePattern(
        cmd: "reserve-inventory", .keyed, errors: [.productNotFound, .insufficientStock, .keyReused, .limitReached])
    func reserveInventory(_ request: ReserveInventory) async throws -> Reservation

    /// Takes the pieces of a reservation out of the stock.
    @MessagePattern(cmd: "commit-reservation", .keyed, errors: [.reservationNotFound, .reservationExpired])
    func commitReservation(_ request: CommitReservation) async throws -> Reservation

    /// Releases the pieces of a reservation.
    @MessagePattern(cmd: "release-reservation", .keyed, errors: [.reservationNotFound, .reservationExpired])
    func releaseReservation(_ request: ReleaseReservation) async throws -> Reservation

    /// Streams a snapshot of the stock of some products, then every change in the order of the commits.
    @StreamPattern(
        cmd: "watch-inventory-changes", group: ProductGroups.watches, errors: [.productNotFound],
        resuming: .after("after", cursor: "cursor", on: [.slowConsumer]))
    func watchInventoryChanges(_ request: WatchInventoryChanges) async throws -> MessageStream<InventoryChunk>

    /// Takes a deleted account out of its reservations.
    @EventPattern("user.deleted")
    func userDeleted(_ event: EventEnvelope<UserDeleted>) async throws

    /// Takes the products of a vendor that stops being active out of the shop. Puts them back when it is active again.
    @EventPattern("vendor.status-changed")
    func vendorStatusChanged(_ event: EventEnvelope<VendorStatusChanged>) async throws
}

/// The groups (bulkheads) of Product's commands.
public enum ProductGroups {
    /// Watches of inventory. Their own group keeps many watches from blocking other commands.
    public static let watches = "watches"
}

@Message
public enum ProductStatus: String, CaseIterable {
    case active, inactive, discontinued
}

@Message
public struct Product: Hashable {
    public var id: Int
    public var vendorId: Int
    @NotPersonal("what a business sells, in public") public var sku: String
    @NotPersonal("what a business sells, in public") public var name: String
    public var price: Money
    public var species: [Species]
    public var status: ProductStatus
}

/// The stock of a product as one of three levels.
@Message
public enum StockStatus: String, CaseIterable {
    case inStock = "in_stock"
    case lowStock = "low_stock"
    case outOfStock = "out_of_stock"

    /// Makes the status of `available` pieces: 0 or fewer is out of stock, up to `threshold` is low.
    public init(available: Int, threshold: Int) {
        self = available <= 0 ? .outOfStock : available <= threshold ? .lowStock : .inStock
    }
}

@Message
public struct Inventory: Hashable {
    public var productId: Int
    public var quantity: Int
    public var reserved: Int
    /// `quantity - reserved`
    public var available: Int
    public var status: StockStatus
    /// Rises by one with each change.
    public var version: Int
    public var asOf: Instant
}

@Message
public enum ReservationStatus: String, CaseIterable {
    case held, committed, released, expired
}

@Message
public struct Reservation: Hashable {
    public var id: Int
    public var productId: Int
    public var customerId: Int?
    public var quantity: Int
    public var status: ReservationStatus
    public var expiresAt: Instant
}

/// Why the stock changed.
@Message
public enum InventoryReason: String, CaseIterable {
    case restock, adjustment, hold, release, commit
    case returned = "return"
    case expiry
}

@Message
public struct GetProduct {
    @InRange(ID.range) public var id: Int
}

@Message
public struct CheckInventory {
    @InRange(ID.range) public var productId: Int
}

@Message
public struct ListProducts {
    @InRange(ID.range) public var vendorId: Int?
    public var species: Species?
    @InRange(1...100) public var limit: Int = 50
    @InRange(ID.range) public var after: Int?
}

@Message
public struct ProductPage {
    public var items: [Product]
    public var next: Int?
}

@Message
public struct CreateProduct {
    @InRange(ID.range) public var vendorId: Int
    @Line(1...64) @NotPersonal("what a business sells, in public") public var sku: String
    @Line(1...120) @NotPersonal("what a business sells, in public") public var name: String
    public var price: Money
    /// The vendor's currency, which the price must have.
    public var currency: Currency
    @Items(1...5) @Distinct public var species: [Species]
    @InRange(0...1_000_000) public var quantity: Int = 0
    @InRange(0...1_000_000) public var lowStockThreshold: Int = 0
}

@Message
public struct AdjustInventory {
    @InRange(ID.range) public var productId: Int
    /// The change of the quantity. Not 0, and above 0 for `restock` and `return`.
    @InRange(-1_000_000...1_000_000) public var delta: Int
    public var reason: InventoryReason
    /// The account that changes the stock. The key is unique only within one account.
    @InRange(ID.range) public var actorId: Int
    @Line(1...128) @NotPersonal("chosen by the client for one request") public var key: String
}

@Message
public struct ReserveInventory {
    @InRange(ID.range) public var productId: Int
    @InRange(1...10_000) public var quantity: Int
    @InRange(ID.range) public var customerId: Int
    @Line(1...128) @NotPersonal("chosen by the client for one request") public var key: String
}

@Message
public struct CommitReservation {
    @InRange(ID.range) public var id: Int
    /// The customer that the reservation must belong to. Absent means any customer.
    @InRange(ID.range) public var customerId: Int?
}

@Message
public struct ReleaseReservation {
    @InRange(ID.range) public var id: Int
    /// The customer that the reservation must belong to. Absent means any customer.
    @InRange(ID.range) public var customerId: Int?
}

/// Which products to watch: those of `productIds`, or all of `vendorId`. Exactly one of the two is given.
@Message
public struct WatchInventoryChanges {
    @Items(1...100) @Distinct @InRange(ID.range) public var productIds: [Int]?
    @InRange(ID.range) public var vendorId: Int?
    /// The cursor of a former watch of the same products, to go on after it at any instance. If its changes are no longer there,
    /// the watch begins with `reset`.
    @Line(1...64) @NotPersonal("a position in the log") public var after: String?

    /// Requires exactly one of products and vendor.
    public func validate(into violations: inout [Violation]) {
        if (productIds == nil) != (vendorId == nil) { return }
        violations.append(
            Violation(path: "vendorId", constraint: "exclusive", message: "must be given, unless productIds are"))
    }
}

/// A value of an inventory watch. First come the snapshots and `snapshotEnd`, or a heartbeat where the watch goes on after a
/// cursor. Then come changes, and a heartbeat when nothing changes. A cursor stands for all values up to it; `seq` is the position
/// of a change. Services of earlier versions send changes without a cursor.
@Message
public enum InventoryChunk: Sendable, Hashable {
    case snapshot(
        productId: Int, quantity: Int, reserved: Int, available: Int, status: StockStatus, version: Int)
    @WireName("snapshot-end") case snapshotEnd(cursor: String)
    case change(
        seq: Int, productId: Int, version: Int, reason: InventoryReason, before: StockLevel, after: StockLevel,
        at: Instant, cursor: String? = nil)
    case heartbeat(cursor: String, at: Instant)
    case reset(why: String)
}

/// The stock at one moment.
@Message
public struct StockLevel: Hashable {
    public var quantity: Int
    public var reserved: Int
    public var available: Int
    public var status: StockStatus
}

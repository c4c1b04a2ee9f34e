import PetProContracts
import Rookery

/// The stock of a product. `0 ≤ reserved ≤ quantity` always holds.
struct Stock: Sendable, Hashable {
    private(set) var quantity: Int
    private(set) var reserved: Int
    let threshold: Int

    init(quantity: Int, reserved: Int, threshold: Int) {
        self.quantity = quantity
        self.reserved = reserved
        self.threshold = threshold
    }

    var available: Int { quantity - reserved }
    var status: StockStatus { StockStatus(available: available, threshold: threshold) }
    var level: StockLevel {
        StockLevel(quantity: quantity, reserved: reserved, available: available, status: status)
    }

    /// Adds `delta` to the quantity. Throws `BELOW_RESERVED` when the quantity would fall below the reserved pieces.
    mutating func adjust(by delta: Int) throws(RemoteError) {
        guard quantity + delta >= reserved else {
            throw RemoteError(
                .belowReserved, "\(reserved) pieces are reserved; the quantity cannot fall below that.",
                details: ["quantity": .int(Int64(quantity)), "reserved": .int(Int64(reserved))])
        }
        quantity += delta
    }

    /// Returns the violations in a vendor's change.
    static func violations(_ delta: Int, _ reason: InventoryReason) -> [Violation] {
        switch reason {
        case .adjustment:
            delta == 0 ? [Violation(path: "delta", constraint: "range", message: "must not be 0")] : []
        case .restock, .returned:
            delta > 0
                ? []
                : [
                    Violation(
                        path: "delta", constraint: "range",
                        message: "must be at least 1 for a \(reason.rawValue); an adjustment may take away")
                ]
        case .hold, .release, .commit, .expiry:
            [Violation(path: "reason", constraint: "enum", message: "must be one of restock, adjustment, return")]
        }
    }

    /// Reserves pieces. Throws `INSUFFICIENT_STOCK`.
    mutating func hold(_ count: Int) throws(RemoteError) {
        guard count <= available else {
            throw RemoteError(
                .insufficientStock, "Only \(available) pieces are available.",
                details: ["available": .int(Int64(available))])
        }
        reserved += count
    }

    /// Releases reserved pieces.
    mutating func release(_ count: Int) { reserved = max(0, reserved - count) }

    /// Takes reserved pieces out of the stock.
    mutating func commit(_ count: Int) {
        reserved = max(0, reserved - count)
        quantity = max(reserved, quantity - count)
    }

    /// Returns whether a change took the product from in stock to low or out of stock.
    func fellLow(from before: Stock) -> Bool { before.status == .inStock && status != .inStock }
}

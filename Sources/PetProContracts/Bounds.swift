public import Rookery

// Bounds that several messages share.

/// The bounds of ids: positive integers that JavaScript represents exactly.
public enum ID {
    /// 1 to 2⁵³ - 1.
    public static let range = 1...9_007_199_254_740_991
}

/// The bounds and rules of prices.
public enum Price {
    /// 0 to 10¹² minor units, which is 10¹⁰ main units of a currency with two decimals.
    public static let range = 0...1_000_000_000_000

    /// Returns the violations in a price of a vendor with this currency.
    public static func violations(_ price: Money, of currency: Currency) -> [Violation] {
        price.currency == currency
            ? []
            : [
                Violation(
                    path: "price.currency", constraint: "currency",
                    message: "must be the vendor's currency, \(currency.rawValue)")
            ]
    }
}

/// The grid of booking times.
public enum Grid {
    /// The step of the grid, in minutes. Start times and durations are multiples of it.
    public static let minutes = 5
}

/// How much one account may hold. More is refused with `LIMIT_REACHED`.
public enum Holdings {
    /// The most pets of an owner.
    public static let pets = 50
    /// The most open bookings of a customer: pending, confirmed or in progress.
    public static let openBookings = 100
    /// The most services of a vendor, including those that are no longer offered.
    public static let services = 50
    /// The most products of a vendor.
    public static let products = 1000
    /// The most reservations that a customer holds at once.
    public static let reservations = 50
}

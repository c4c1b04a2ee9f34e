public import Rookery

// The bounds that several messages share.

/// Ids: integers that JavaScript holds exactly, from 1.
public enum ID {
    /// 1 to 2⁵³ - 1.
    public static let range = 1...9_007_199_254_740_991
}

/// Prices.
public enum Price {
    /// In minor units: 0 to ten thousand millions of a currency's main unit.
    public static let range = 0...1_000_000_000_000

    /// What is wrong with the price of something that a vendor with this currency offers.
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

/// The grid that bookings lie on.
public enum Grid {
    /// Starts lie on multiples of so many minutes, and durations are multiples of it.
    public static let minutes = 5
}

/// How much one account may hold. Each is refused with `LIMIT_REACHED`.
public enum Holdings {
    /// Pets of an owner.
    public static let pets = 50
    /// Bookings of a customer that are not over yet.
    public static let openBookings = 100
    /// Services of a vendor, those that are no longer offered included.
    public static let services = 50
    /// Products of a vendor.
    public static let products = 1000
    /// Reservations that a customer holds.
    public static let reservations = 50
}

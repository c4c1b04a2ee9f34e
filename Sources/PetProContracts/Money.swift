public import Rookery

/// An amount in the smallest unit of its currency, so that sums have no rounding errors.
@Message
public struct Money: Hashable {
    /// The amount in units of `10^-exponent`: cents, sen, yen.
    @InRange(Price.range) public var amountMinor: Int
    public var currency: Currency

    /// `48.00 USD`
    public var description: String {
        guard currency.exponent > 0 else { return "\(amountMinor) \(currency.rawValue)" }
        let unit: UInt = (0..<currency.exponent).reduce(1) { power, _ in power * 10 }
        // The magnitude of `Int.min` fits only `UInt`.
        let fraction = String(amountMinor.magnitude % unit)
        let zeros = String(repeating: "0", count: currency.exponent - fraction.count)
        let sign = amountMinor < 0 ? "-" : ""
        return "\(sign)\(amountMinor.magnitude / unit).\(zeros)\(fraction) \(currency.rawValue)"
    }
}

extension Money: CustomStringConvertible {}

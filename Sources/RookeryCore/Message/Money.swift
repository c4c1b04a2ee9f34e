public import RookeryWire

/// An amount in the smallest unit of its currency, so that no sum is ever off by a rounding.
public struct Money: MessageValue, Hashable, CustomStringConvertible {
    /// Cents, sen, yen: the amount in units of `10^-exponent`.
    public let amountMinor: Int
    /// Which currency.
    public let currency: Currency

    /// An amount.
    public init(amountMinor: Int, currency: Currency) {
        self.amountMinor = amountMinor
        self.currency = currency
    }

    /// `48.00 USD`
    public var description: String {
        guard currency.exponent > 0 else { return "\(amountMinor) \(currency.rawValue)" }
        let unit: UInt = (0..<currency.exponent).reduce(1) { power, _ in power * 10 }
        // The magnitude of `Int.min` fits UInt only.
        let fraction = String(amountMinor.magnitude % unit)
        let zeros = String(repeating: "0", count: currency.exponent - fraction.count)
        let sign = amountMinor < 0 ? "-" : ""
        return "\(sign)\(amountMinor.magnitude / unit).\(zeros)\(fraction) \(currency.rawValue)"
    }

    /// `{amountMinor, currency}`.
    public static var _schema: Schema {
        ._message("Money", "An amount in the smallest unit of its currency.") {
            [_FieldSchema("amountMinor", Int.self), _FieldSchema("currency", Currency.self)]
        }
    }

    /// Reads `{amountMinor, currency}`.
    public static func _decode(_ decoder: inout _MessageDecoder) throws(MalformedValue) -> Money? {
        guard var members = try decoder.beginMessage() else { return nil }
        var amount: Int?
        var currency: Currency?
        var seenAmount = false
        var seenCurrency = false
        while let key = try decoder.reader.nextKey(&members) {
            if key.matches("amountMinor") {
                seenAmount = true
                amount = try decoder.field("amountMinor", Int.self)
            } else if key.matches("currency") {
                seenCurrency = true
                currency = try decoder.field("currency", Currency.self)
            } else {
                try decoder.unknown(key)
            }
        }
        decoder.resolve(&amount, "amountMinor", seen: seenAmount)
        decoder.resolve(&currency, "currency", seen: seenCurrency)
        guard let amount, let currency else { return nil }
        return Money(amountMinor: amount, currency: currency)
    }

    /// Writes `{"amountMinor":…,"currency":…}`.
    public func _encode(to writer: inout _ValueWriter) {
        writer.beginObject(2)
        writer.key("amountMinor")
        writer.write(amountMinor)
        writer.key("currency")
        writer.write(currency.rawValue)
        writer.endObject()
    }
}

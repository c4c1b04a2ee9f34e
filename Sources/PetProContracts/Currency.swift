public import Rookery

/// The currencies of amounts.
@Message
public enum Currency: String, CaseIterable {
    /// US dollar.
    case usd = "USD"
    /// Euro.
    case eur = "EUR"
    /// Indonesian rupiah.
    case idr = "IDR"
    /// Japanese yen.
    case jpy = "JPY"

    /// The number of decimals of the smallest unit (ISO 4217).
    public var exponent: Int {
        switch self {
        case .usd, .eur, .idr: 2
        case .jpy: 0
        }
    }
}

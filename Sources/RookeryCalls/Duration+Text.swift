extension Duration {
    /// The duration as settings write it: `250ms`, `5s`, `2m`.
    package var text: String {
        let milliseconds = Double(components.seconds) * 1000 + Double(components.attoseconds) / 1e15
        func number(_ value: Double) -> String { value == value.rounded() ? String(Int(value)) : String(value) }
        if milliseconds >= 60_000, milliseconds.truncatingRemainder(dividingBy: 60_000) == 0 {
            return number(milliseconds / 60_000) + "m"
        }
        if milliseconds >= 1000 || milliseconds == 0 { return number(milliseconds / 1000) + "s" }
        return number(milliseconds) + "ms"
    }

    /// Parses a number from 0 to below 10⁷ followed by `ms`, `s` or `m`. Nil for any other text.
    package init?(text: String) {
        let digits = text.prefix { $0.isNumber || $0 == "." }
        guard let number = Double(digits), number >= 0, number < 1e7 else { return nil }
        switch text.dropFirst(digits.count) {
        case "ms": self = .milliseconds(number)
        case "s": self = .seconds(number)
        case "m": self = .seconds(number * 60)
        default: return nil
        }
    }
}

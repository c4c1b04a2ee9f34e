/// A fault of a network that affects the bytes of a connection.
package enum Fault: Sendable, Hashable {
    /// Bytes arrive later by this duration.
    case delay(Duration)
    /// This share of the reads, from 0 to 1, never arrives. The others do.
    case drop(Double)
    /// Bytes arrive in pieces of at most this many bytes, at least 1.
    case slice(Int)
    /// After this many bytes, the proxy closes the sender's side, as if the sender had finished.
    case halfClose(after: Int)
    /// After this many bytes, the proxy resets the connection.
    case reset(after: Int)
    /// After this many bytes, nothing more arrives. Neither side is notified.
    case stall(after: Int)
    /// In this share of the reads, from 0 to 1, one bit changes.
    case corrupt(Double)
    /// At most this many bytes arrive per second, at least 1.
    case bandwidth(Int)

    /// Parses `delay=100ms`, `drop=0.1`, `slice=1`, `half-close=1000`, `reset=1000`, `stall=1000`, `corrupt=0.01` or
    /// `bandwidth=65536`. Nil for any other text.
    package init?(_ text: String) {
        let sides = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        guard sides.count == 2 else { return nil }
        func share(_ make: (Double) -> Fault) -> Fault? {
            Double(sides[1]).flatMap { (0...1).contains($0) ? make($0) : nil }
        }
        func count(from minimum: Int, _ make: (Int) -> Fault) -> Fault? {
            Int(sides[1]).flatMap { $0 >= minimum ? make($0) : nil }
        }
        let fault: Fault? =
            switch sides[0] {
            case "delay": Self.duration(sides[1]).map { .delay($0) }
            case "drop": share { .drop($0) }
            case "slice": count(from: 1) { .slice($0) }
            case "half-close": count(from: 0) { .halfClose(after: $0) }
            case "reset": count(from: 0) { .reset(after: $0) }
            case "stall": count(from: 0) { .stall(after: $0) }
            case "corrupt": share { .corrupt($0) }
            case "bandwidth": count(from: 1) { .bandwidth($0) }
            default: nil
            }
        guard let fault else { return nil }
        self = fault
    }

    private static func duration(_ text: String) -> Duration? {
        for (unit, milliseconds) in [("ms", 1.0), ("s", 1000)] where text.hasSuffix(unit) {
            guard let number = Double(text.dropLast(unit.count)), number >= 0, number < 1e7 else { return nil }
            return .milliseconds(number * milliseconds)
        }
        return nil
    }
}

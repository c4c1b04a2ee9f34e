package import NIOCore

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

extension Duration {
    /// Whole nanoseconds. Beyond ±9·10⁹ s (about 285 years), the largest or smallest `Int64`.
    package var nanoseconds: Int64 {
        let (seconds, attoseconds) = components
        if seconds > 9_000_000_000 { return .max }
        if seconds < -9_000_000_000 { return .min }
        return seconds * 1_000_000_000 + attoseconds / 1_000_000_000
    }

    /// Seconds, with their fraction.
    package var inSeconds: Double { Double(nanoseconds) / 1e9 }

    package init(_ amount: TimeAmount) { self = .nanoseconds(amount.nanoseconds) }
}

extension TimeAmount {
    package static func * (left: TimeAmount, right: Double) -> Duration {
        .nanoseconds(Int64(max(0, Double(left.nanoseconds) * right)))
    }
}

extension NIODeadline {
    package static func + (left: NIODeadline, right: Duration) -> NIODeadline {
        left + TimeAmount.nanoseconds(right.nanoseconds)
    }

    /// The time since `earlier`. Zero if `earlier` is the later of the two.
    package func since(_ earlier: NIODeadline) -> Duration {
        self > earlier ? Duration(self - earlier) : .zero
    }
}

extension Double {
    /// e to the power of `exponent`.
    package static func exponential(_ exponent: Double) -> Double { exp(exponent) }
}

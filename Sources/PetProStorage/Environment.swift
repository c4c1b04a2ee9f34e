#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif
public import Rookery

/// Where a service gets the time and its random names, so that a test can say what they are.
public struct ServiceEnvironment: Sendable {
    /// The time.
    public var now: @Sendable () -> Instant
    /// A name nobody has had: for events, references and tokens.
    public var uniqueID: @Sendable () -> String

    /// The real time, and random names.
    public init(
        now: @escaping @Sendable () -> Instant = Instant.current,
        uniqueID: @escaping @Sendable () -> String = ServiceEnvironment.randomID
    ) {
        self.now = now
        self.uniqueID = uniqueID
    }

    /// 128 random bits in hexadecimal.
    public static func randomID() -> String {
        let (high, low) = (UInt64.random(in: .min ... .max), UInt64.random(in: .min ... .max))
        func hex(_ value: UInt64) -> String {
            let text = String(value, radix: 16)
            return String(repeating: "0", count: 16 - text.count) + text
        }
        return hex(high) + hex(low)
    }
}

extension Instant {
    /// The time of the system's clock.
    public static func current() -> Instant {
        let (seconds, attoseconds) = Duration.sinceEpoch.components
        return Instant(milliseconds: seconds * 1000 + attoseconds / 1_000_000_000_000_000)
    }
}

extension Duration {
    /// The time since 1970-01-01T00:00:00Z.
    fileprivate static var sinceEpoch: Duration {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return .seconds(Int64(time.tv_sec)) + .nanoseconds(Int64(time.tv_nsec))
    }
}

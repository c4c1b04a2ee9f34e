#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif
public import Rookery

/// The source of a service's time and random names, so that a test can replace them.
public struct ServiceEnvironment: Sendable {
    /// Returns the current time.
    public var now: @Sendable () -> Instant
    /// Returns a new unique name, for events, references and tokens.
    public var uniqueID: @Sendable () -> String

    /// Makes an environment. By default, it has the system's time and random names.
    public init(
        now: @escaping @Sendable () -> Instant = Instant.current,
        uniqueID: @escaping @Sendable () -> String = ServiceEnvironment.randomID
    ) {
        self.now = now
        self.uniqueID = uniqueID
    }

    /// Returns 128 random bits in hexadecimal, which cannot be guessed.
    public static func randomID() -> String { hex(.random(in: .min ... .max), .random(in: .min ... .max)) }

    private static func hex(_ high: UInt64, _ low: UInt64) -> String {
        String(unsafeUninitializedCapacity: 32) { text in
            for (at, value) in [high, low].enumerated() {
                for digit in 0..<16 {
                    let nibble = UInt8(truncatingIfNeeded: value >> UInt64(60 - 4 * digit)) & 15
                    text[16 * at + digit] = nibble < 10 ? 48 + nibble : 87 + nibble
                }
            }
            return 32
        }
    }
}

extension Instant {
    /// Returns the time of the system's clock.
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

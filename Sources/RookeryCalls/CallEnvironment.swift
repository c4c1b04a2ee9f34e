package import NIOCore
import RookeryCore

/// The clock and the random source of the policies. A test replaces them.
package struct CallEnvironment: Sendable {
    /// Returns the current time.
    package var now: @Sendable () -> NIODeadline
    /// Waits for a duration. Throws if the task is cancelled.
    package var sleep: @Sendable (Duration) async throws -> Void
    /// Returns a random number from 0 to 1, uniformly distributed.
    package var random: @Sendable () -> Double

    /// The real clock, and a random source that the system seeds.
    package init(
        now: @escaping @Sendable () -> NIODeadline = { .now() },
        sleep: @escaping @Sendable (Duration) async throws -> Void = { try await Task.sleep(for: $0) },
        random: @escaping @Sendable () -> Double = CallEnvironment.randomSource()
    ) {
        self.now = now
        self.sleep = sleep
        self.random = random
    }
}

extension CallEnvironment {
    /// Makes a source of random numbers from 0 to below 1, seeded by the system.
    ///
    /// Not for secrets: it spreads load, and its numbers can be predicted. It does not ask the kernel for each number.
    package static func randomSource() -> @Sendable () -> Double {
        let source = RandomSource()
        return { Double(source.bits.next() >> 11) * 0x1p-53 }
    }

    private final class RandomSource: Sendable {
        let bits = SplitMix.Source()
    }
}

package import NIOCore
import Synchronization

/// Where policies get the time and their chances, so that a test can say what they are.
package struct CallEnvironment: Sendable {
    /// The time.
    package var now: @Sendable () -> NIODeadline
    /// Waits; throws when the task is cancelled.
    package var sleep: @Sendable (Duration) async throws -> Void
    /// A number from 0 to 1, evenly.
    package var random: @Sendable () -> Double

    /// The real time, and the system's chances.
    package init(
        now: @escaping @Sendable () -> NIODeadline = { .now() },
        sleep: @escaping @Sendable (Duration) async throws -> Void = { try await Task.sleep(for: $0) },
        random: @escaping @Sendable () -> Double = CallEnvironment.chances()
    ) {
        self.now = now
        self.sleep = sleep
        self.random = random
    }
}

extension CallEnvironment {
    /// A source of numbers from 0 to 1, seeded by the system. It is for spreading load, where guessing it gains no one
    /// anything, and does not ask the kernel for each number.
    package static func chances() -> @Sendable () -> Double {
        let source = Chances()
        return { source.next() }
    }

    /// splitmix64 (Steele, Lea and Flood 2014), whose only state is a counter, so that threads can share it.
    private final class Chances: Sendable {
        private let state = Atomic(UInt64.random(in: .min ... .max))

        func next() -> Double {
            var mixed = state.wrappingAdd(0x9E37_79B9_7F4A_7C15, ordering: .relaxed).newValue
            mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
            mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
            return Double((mixed ^ (mixed >> 31)) >> 11) * 0x1p-53
        }
    }
}

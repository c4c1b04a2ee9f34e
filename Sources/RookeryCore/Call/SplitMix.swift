import Synchronization

/// Random numbers by splitmix64 (Steele, Lea and Flood 2014). Not for secrets: they can be predicted.
package enum SplitMix {
    /// What each number adds to the state.
    package static let step: UInt64 = 0x9E37_79B9_7F4A_7C15

    /// The number of a state.
    package static func mix(_ state: UInt64) -> UInt64 {
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    /// A source that threads share, because its only state is a counter. The system seeds it.
    package struct Source: ~Copyable, Sendable {
        private let state = Atomic(UInt64.random(in: .min ... .max))

        package init() {}

        /// Returns 64 random bits, without a system call.
        package func next() -> UInt64 {
            SplitMix.mix(state.wrappingAdd(SplitMix.step, ordering: .relaxed).newValue)
        }
    }
}

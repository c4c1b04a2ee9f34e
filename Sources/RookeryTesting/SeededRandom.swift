import RookeryCore

/// A random number generator that repeats its numbers for the same seed.
package struct SeededRandom: RandomNumberGenerator {
    private var state: UInt64

    /// Makes a generator that starts at a seed.
    package init(_ seed: UInt64) { state = seed }

    /// Returns the next number of splitmix64 (Steele, Lea and Flood 2014).
    package mutating func next() -> UInt64 {
        state &+= SplitMix.step
        return SplitMix.mix(state)
    }
}

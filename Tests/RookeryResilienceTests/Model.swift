import NIOCore
import Testing

/// Chances that can be had again: the seed is printed with every failure.
struct SeededRandom: RandomNumberGenerator {
    private var state: UInt64

    init(_ seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        // splitmix64
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    mutating func unit() -> Double { Double.random(in: 0..<1, using: &self) }
    mutating func below(_ count: Int) -> Int { Int.random(in: 0..<count, using: &self) }
    mutating func chance(_ share: Double) -> Bool { unit() < share }
}

/// Steps of a random walk, and the seed they come from, which can be set to have a failure again.
enum Model {
    static let steps = 1_000_000

    static func seed(_ name: String) -> UInt64 {
        let seed = UInt64.random(in: .min ... .max)
        print("\(name): seed \(seed)")
        return seed
    }
}

extension NIODeadline {
    static func seconds(_ seconds: Double) -> NIODeadline { .uptimeNanoseconds(UInt64(seconds * 1e9)) }
}

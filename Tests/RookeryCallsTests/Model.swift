import NIOCore
import RookeryTesting

extension SeededRandom {
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

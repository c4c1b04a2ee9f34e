/// Chooses an instance among candidates. A value: randomness is a parameter.
package struct Balancer: Sendable {
    private let balancing: ClientConfiguration.Balancing
    private var turn: Int?

    /// Makes a balancer that has not chosen yet.
    package init(_ balancing: ClientConfiguration.Balancing) { self.balancing = balancing }

    /// Chooses one of the candidates, which are in the order of their indices. Nil if there are none.
    ///
    /// `random` returns numbers from 0 to 1.
    package mutating func choose(_ candidates: [Candidate], random: () -> Double) -> Candidate? {
        guard let first = candidates.first else { return nil }
        if candidates.count == 1 { return first }
        switch balancing {
        case .roundRobin: return inTurn(candidates, random)
        case .leastInFlight: return ofTwo(candidates, random) { Double($0.inFlight + 1) / $0.weight }
        case .peakEWMA: return ofTwo(candidates, random) { $0.latency * Double($0.inFlight + 1) / $0.weight }
        }
    }

    private mutating func inTurn(_ candidates: [Candidate], _ random: () -> Double) -> Candidate? {
        let start = turn ?? candidates[Self.index(random(), candidates.count)].index
        var at = candidates.firstIndex { $0.index >= start } ?? 0
        // A new instance skips some of its turns. The bound ends the loop if all candidates would skip.
        for _ in 1..<candidates.count where candidates[at].weight < 1 && random() >= candidates[at].weight {
            at = (at + 1) % candidates.count
        }
        turn = candidates[at].index + 1
        return candidates[at]
    }

    private func ofTwo(
        _ candidates: [Candidate], _ random: () -> Double, _ cost: (Candidate) -> Double
    ) -> Candidate? {
        let first = Self.index(random(), candidates.count)
        var second = Self.index(random(), candidates.count - 1)
        if second >= first { second += 1 }
        let (left, right) = (candidates[first], candidates[second])
        return cost(right) < cost(left) ? right : left
    }

    private static func index(_ random: Double, _ count: Int) -> Int { min(count - 1, Int(random * Double(count))) }
}

public import NIOCore

/// How an instance is chosen among those that can be.
public enum Balancing: String, Sendable, Hashable, CaseIterable {
    /// In turn, from a random one on.
    case roundRobin = "round-robin"
    /// The one with fewer calls in flight, of two random ones.
    case leastInFlight = "least-in-flight"
    /// The one that promises the shorter wait, of two random ones: the peak of its recent latencies, times its calls.
    case peakEWMA = "peak-ewma"
}

/// How long an instance's answers took lately: rises at once, falls slowly.
///
/// As Finagle's peak EWMA: a slow answer counts in full, a fast one by how long ago the last one was.
public struct PeakEWMA: Sendable, Hashable {
    private let decay: Double
    private var seconds: Double
    private var at: NIODeadline?

    /// Forgets with a time constant of `decay`; nothing is known yet. Default 10 s.
    public init(decay: Duration = .seconds(10)) {
        self.decay = max(1e-6, decay.inSeconds)
        seconds = 0
    }

    /// An answer took that long.
    public mutating func observed(_ latency: Duration, at now: NIODeadline) {
        let sample = latency.inSeconds
        let passed = at.map { now.since($0).inSeconds } ?? .infinity
        at = max(at ?? now, now)
        if sample > seconds {
            seconds = sample
        } else {
            let weight = passed.isFinite ? Double.exponential(-passed / decay) : 0
            seconds = seconds * weight + sample * (1 - weight)
        }
    }

    /// What it stands at now, in seconds.
    public func value(at now: NIODeadline) -> Double {
        guard let at else { return seconds }
        return seconds * Double.exponential(-now.since(at).inSeconds / decay)
    }
}

/// An instance as a balancer sees it.
public struct Candidate: Sendable, Hashable {
    /// Its place in the list.
    public var index: Int
    /// Calls in flight.
    public var inFlight: Int
    /// The latency it promises, in seconds.
    public var latency: Double
    /// How much of a full share it gets, above 0 to 1: new ones get less.
    public var weight: Double

    /// Describes one.
    public init(index: Int, inFlight: Int, latency: Double, weight: Double) {
        self.index = index
        self.inFlight = inFlight
        self.latency = latency
        self.weight = weight
    }
}

/// Chooses among candidates. A value: randomness is a parameter.
public struct Balancer: Sendable {
    private let balancing: Balancing
    private var turn: Int?

    /// One that has not chosen yet.
    public init(_ balancing: Balancing) { self.balancing = balancing }

    /// Chooses one of the candidates, which stand in the order of their places; nil when there are none. `random` gives
    /// numbers from 0 to 1.
    public mutating func choose(_ candidates: [Candidate], random: () -> Double) -> Candidate? {
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
        // A new instance lets some of its turns pass; not all of them do, or there would be no end.
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

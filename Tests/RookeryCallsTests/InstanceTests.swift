import Foundation
import Logging
import NIOCore
import RookeryCalls
import RookeryTesting
import Synchronization
import Testing
import RookeryPolicies
import RookeryCore

private func candidates(_ count: Int, _ change: (inout Candidate) -> Void = { _ in }) -> [Candidate] {
    (0..<count).map { at in
        var candidate = Candidate(index: at, inFlight: 0, latency: 0.001, weight: 1)
        change(&candidate)
        return candidate
    }
}

@Suite("A balancer")
struct BalancerTests {
    @Test("takes turns, from a random one on")
    func turns() {
        var balancer = Balancer(.roundRobin)
        let all = candidates(3)
        let chosen = (0..<6).compactMap { _ in balancer.choose(all) { 0.5 }?.index }
        #expect(chosen == [1, 2, 0, 1, 2, 0])
        // One that was ejected for a while takes its turn again afterwards.
        let without = all.filter { $0.index != 1 }
        #expect((0..<4).compactMap { _ in balancer.choose(without) { 0.5 }?.index } == [2, 0, 2, 0])
    }

    @Test("prefers the one with fewer calls in flight, of two")
    func least() {
        var balancer = Balancer(.leastInFlight)
        var random = SeededRandom(1)
        let all = candidates(4) { $0.inFlight = $0.index * 10 }
        var counts = [0, 0, 0, 0]
        for _ in 0..<12_000 {
            if let chosen = balancer.choose(all, random: { random.unit() }) { counts[chosen.index] += 1 }
        }
        // Of six pairs the first wins three, the second two, the third one.
        #expect((5700...6300).contains(counts[0]) && (3700...4300).contains(counts[1]) && counts[3] == 0)
    }

    @Test("prefers the one that promises the shorter wait")
    func ewma() {
        var balancer = Balancer(.peakEWMA)
        var random = SeededRandom(2)
        let all = candidates(2) { $0.latency = $0.index == 0 ? 0.1 : 0.01 }
        for _ in 0..<100 { #expect(balancer.choose(all, random: { random.unit() })?.index == 1) }
        // The fast one promises more when twenty are before.
        var busy = all
        busy[1].inFlight = 20
        for _ in 0..<100 { #expect(balancer.choose(busy, random: { random.unit() })?.index == 0) }
        // What it promises is what it was last seen to take, forgotten in time.
        var average = PeakEWMA(decay: .seconds(10))
        average.observed(.milliseconds(100), at: .seconds(1))
        #expect(average.value(at: .seconds(1)) == 0.1)
        average.observed(.milliseconds(10), at: .seconds(11))
        #expect(abs(average.value(at: .seconds(11)) - (0.01 + 0.09 / 2.718281828)) < 1e-6)
        average.observed(.milliseconds(500), at: .seconds(12))
        #expect(average.value(at: .seconds(12)) == 0.5, "a peak counts at once")
    }

    @Test("gives a new instance fewer turns")
    func slowStart() {
        for balancing in ClientConfiguration.Balancing.allCases where balancing != .leastInFlight {
            var balancer = Balancer(balancing)
            var random = SeededRandom(3)
            let all = candidates(2) { $0.weight = $0.index == 0 ? 0.2 : 1 }
            var first = 0
            for _ in 0..<10_000 where balancer.choose(all, random: { random.unit() })?.index == 0 { first += 1 }
            #expect(first < 2500, "\(balancing)")
        }
    }

    @Test("chooses only among those there are, and each of them now and then, in a million random steps")
    func model() {
        let seed = Model.seed("balancer")
        var random = SeededRandom(seed)
        for balancing in ClientConfiguration.Balancing.allCases {
            var balancer = Balancer(balancing)
            var counts = [Int](repeating: 0, count: 8)
            for _ in 0..<(Model.steps / ClientConfiguration.Balancing.allCases.count) {
                let there = (0..<8).filter { _ in random.chance(0.7) }
                let all = there.map {
                    Candidate(
                        index: $0, inFlight: random.below(20), latency: random.unit() + 1e-6,
                        weight: 0.1 + 0.9 * random.unit())
                }
                var randomSource = random
                let chosen = balancer.choose(all) { randomSource.unit() }
                random = randomSource
                if chosen == nil, !all.isEmpty { Issue.record("nobody; seed \(seed)") }
                guard let chosen else { continue }
                if !there.contains(chosen.index) { Issue.record("\(chosen.index) is not there; seed \(seed)") }
                counts[chosen.index] += 1
            }
            let fair = counts.reduce(0, +) / 8
            #expect(counts.allSatisfy { $0 > fair / 2 && $0 < fair * 2 }, "\(balancing) \(counts); seed \(seed)")
        }
    }

    @Test("remembers the peak of latencies, which falls slowly")
    func peak() {
        var latency = PeakEWMA()
        latency.observed(.milliseconds(10), at: .seconds(1))
        latency.observed(.milliseconds(500), at: .seconds(1))
        #expect(latency.value(at: .seconds(1)) == 0.5)
        latency.observed(.milliseconds(10), at: .seconds(1.001))
        #expect(latency.value(at: .seconds(1.001)) > 0.49)
        #expect((0.17...0.19).contains(latency.value(at: .seconds(11.001))))
    }
}

@Suite("An instance")
struct EjectionTests {
    @Test("is ejected after five failures in a row, longer each time, and less so after a clean interval")
    func consecutive() {
        var ejection = Ejection(ClientConfiguration.Ejection())
        for _ in 0..<4 { #expect(ejection.callEnded(success: false, at: .seconds(1), random: { 0.5 }) == nil) }
        _ = ejection.callEnded(success: true, at: .seconds(1), random: { 0.5 })
        for _ in 0..<4 { #expect(ejection.callEnded(success: false, at: .seconds(1), random: { 0.5 }) == nil) }
        #expect(ejection.callEnded(success: false, at: .seconds(1), random: { 0.5 }) == .seconds(30))
        #expect(ejection.isEjected(at: .seconds(30)) && !ejection.isEjected(at: .seconds(32)))
        for _ in 0..<4 { _ = ejection.callEnded(success: false, at: .seconds(40), random: { 0.5 }) }
        #expect(ejection.callEnded(success: false, at: .seconds(40), random: { 0.5 }) == .seconds(60))
        ejection.intervalEnded(at: .seconds(101))
        #expect(ejection.ejections == 2)
        ejection.intervalEnded(at: .seconds(111))
        #expect(ejection.ejections == 1)
    }

    @Test("stands out when its share of success is far below that of four others")
    func deviation() {
        let settings = ClientConfiguration.Ejection()
        let threshold = Ejection.threshold(of: [0.99, 0.98, 0.99, 1, 0.99, 0.99, 0.5], settings)
        #expect((threshold ?? 0) > 0.5)
        #expect(Ejection.threshold(of: [0.99, 0.98, 0.99, 0.5], settings) == nil)
    }

    @Test("is ejected only after failures in a row, never longer than 300 s and a tenth, in a million random steps")
    func model() {
        let seed = Model.seed("ejection")
        var random = SeededRandom(seed)
        var ejection = Ejection(ClientConfiguration.Ejection())
        var inARow = 0
        var now = 0.0
        var until = 0.0
        for _ in 0..<Model.steps {
            now += random.unit()
            let success = random.chance(0.6)
            inARow = success ? 0 : inARow + 1
            let chance = random.unit()
            if let duration = ejection.callEnded(success: success, at: .seconds(now), random: { chance }) {
                if inARow < 5 { Issue.record("too soon; seed \(seed)") }
                if duration > .seconds(331) || duration < .seconds(26) { Issue.record("\(duration); seed \(seed)") }
                inARow = 0
                until = now + duration / .seconds(1)
            }
            if ejection.isEjected(at: .seconds(now)) != (now < until - 1e-6), abs(now - until) > 1e-3 {
                Issue.record("ejected or not; seed \(seed)")
            }
            if random.chance(0.05) { ejection.intervalEnded(at: .seconds(now)) }
        }
    }

    @Test("is named HOST:PORT, with brackets around an IPv6 address")
    func names() {
        #expect(Instance("127.0.0.1:4002") == Instance(host: "127.0.0.1", port: 4002))
        #expect(Instance("[::1]:4002")?.host == "::1")
        #expect(Instance(host: "::1", port: 1).description == "[::1]:1")
        for text in ["", "host", ":1", "host:", "host:99999", "::1:4002", "a b:1", "[::1:1"] {
            #expect(Instance(text) == nil, "\(text)")
        }
    }

    @Test("is listed in a file, a line each; a line nobody understands is named")
    func file() throws {
        let list = try FileDiscovery.parse("# ours\na:1\n\n  b:2  # the new one\n")
        #expect(list == [Instance(host: "a", port: 1), Instance(host: "b", port: 2)])
        let error = #expect(throws: FileDiscovery.Malformed.self) {
            try FileDiscovery.parse("a:1\nb\n", path: "/etc/instances")
        }
        #expect(error?.description == "/etc/instances:2: must be HOST:PORT, not b")
    }
}

@Suite("A watched file")
struct FileDiscoveryTests {
    @Test("tells a new list, and keeps the last one while the file is empty, broken or gone")
    func watches() async throws {
        let path = NSTemporaryDirectory() + "instances-" + UUID().uuidString
        func write(_ text: String) throws { try text.write(toFile: path, atomically: true, encoding: .utf8) }
        try write("a:1\n")
        let step = Mutex(0)
        // What happens to the file between two looks at it.
        let steps: [@Sendable () throws -> Void] = [
            {}, { try "a:1\nb:2\n".write(toFile: path, atomically: true, encoding: .utf8) },
            { try "".write(toFile: path, atomically: true, encoding: .utf8) },
            { try "nonsense".write(toFile: path, atomically: true, encoding: .utf8) },
            { try FileManager.default.removeItem(atPath: path) },
            { try "c:3\n".write(toFile: path, atomically: true, encoding: .utf8) },
        ]
        let environment = CallEnvironment(sleep: { _ in
            let at = step.withLock { step in
                step += 1
                return step - 1
            }
            if at >= steps.count { throw CancellationError() }
            try steps[at]()
        })
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let discovery = try FileDiscovery(path: path, environment: environment, logger: logger)
        #expect(discovery.initial == [Instance(host: "a", port: 1)])
        var lists: [String] = []
        do {
            try await discovery.watch { lists.append($0.map { "\($0)" }.joined(separator: " ")) }
        } catch is CancellationError {}
        #expect(lists == ["a:1 b:2", "c:3"])
        try FileManager.default.removeItem(atPath: path)
    }
}

@Suite("An adaptive limit")
struct AdaptiveLimitTests {
    /// Overload: as much as the limit lets in is being handled, all the time; `places` of it at once, in 20 ms each.
    private func overload(_ limit: inout AdaptiveLimit, places: Int, from start: Double, to end: Double) {
        var now = start
        while now < end {
            let inFlight = Int(limit.limit)
            let latency = 0.02 * max(1, Double(inFlight) / Double(places))
            limit.handled(in: .microseconds(Int64(latency * 1e6)), inFlight: inFlight, at: .seconds(now))
            now += 0.02 / Double(min(places, inFlight))
        }
    }

    @Test("settles a little above what is handled without a queue, also when that changes")
    func settles() {
        var limit = AdaptiveLimit()
        // Calm at first.
        for step in 0..<100 { limit.handled(in: .milliseconds(20), inFlight: 5, at: .seconds(1 + Double(step) / 100)) }
        overload(&limit, places: 40, from: 2, to: 10)
        #expect((45...80).contains(limit.limit), "\(limit.limit)")
        overload(&limit, places: 80, from: 10, to: 29)
        #expect((95...150).contains(limit.limit), "\(limit.limit)")
        // The shortest latency is found out anew, under load, again and again.
        overload(&limit, places: 40, from: 29, to: 150)
        #expect((45...80).contains(limit.limit), "\(limit.limit)")
    }

    @Test("refuses the least important first")
    func criticality() {
        let limit = AdaptiveLimit()
        #expect(limit.room(for: .critical) == 32 && limit.room(for: .default) == 28)
        #expect(limit.room(for: .sheddable) == 24)
    }

    @Test("does not grow when it was never reached, nor shrink for latencies too short to matter")
    func calm() {
        var limit = AdaptiveLimit()
        for step in 0..<10_000 {
            limit.handled(
                in: .microseconds(step % 2 == 0 ? 100 : 9000), inFlight: 3, at: .seconds(1 + Double(step) / 1000))
        }
        #expect(limit.limit == 32)
    }

    @Test("doubles from its beginning while it is reached, until latencies rise for the first time")
    func starts() {
        var limit = AdaptiveLimit()
        var seen: [Int] = []
        for step in 0..<600 {
            let inFlight = Int(limit.limit)
            // 300 can be handled without a queue.
            let latency = 0.02 * max(1, Double(inFlight) / 300)
            limit.handled(
                in: .microseconds(Int64(latency * 1e6)), inFlight: inFlight, at: .seconds(1 + Double(step) / 1000))
            if seen.last != Int(limit.limit) { seen.append(Int(limit.limit)) }
        }
        #expect(Array(seen.prefix(5)) == [32, 64, 128, 256, 512])
        #expect(seen.dropFirst(5).allSatisfy { $0 < 512 } && seen.count > 5, "\(seen)")
    }

    @Test("doubles each window while messages wait and none is done, because they may just take long")
    func slowByNature() {
        var limit = AdaptiveLimit()
        for step in 0..<10 {
            limit.pressed(inFlight: Int(limit.limit), at: .seconds(1 + Double(step) * 0.05))
        }
        #expect(limit.limit == 512)
        // What is not all in use needs no more.
        limit.pressed(inFlight: 200, at: .seconds(9))
        #expect(limit.limit == 512)
        // Once it has been found, only latencies change it.
        overload(&limit, places: 40, from: 10, to: 60)
        let found = limit.limit
        limit.pressed(inFlight: 1000, at: .seconds(70))
        #expect(found < 100 && limit.limit == found)
    }

    @Test("stays between its bounds in a million random steps")
    func model() {
        let seed = Model.seed("adaptive limit")
        var random = SeededRandom(seed)
        var limit = AdaptiveLimit()
        var now = 1.0
        for _ in 0..<Model.steps {
            now += random.unit() * 0.01
            let latency = Duration.microseconds(Int64(random.unit() * random.unit() * 1_000_000))
            limit.handled(in: latency, inFlight: random.below(6000), at: .seconds(now))
            if !(limit.limit >= 4 && limit.limit <= 5000) { Issue.record("\(limit.limit); seed \(seed)") }
        }
    }
}

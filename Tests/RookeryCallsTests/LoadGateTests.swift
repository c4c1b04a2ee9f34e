import NIOCore
import RookeryCore
import RookeryTesting
import Synchronization
import Testing

@testable import RookeryCalls
import RookeryPolicies

@Suite("A fair queue")
struct FairQueueTests {
    @Test("takes one of each peer in turn, and each peer's in their order")
    func order() {
        var queue = FairQueue<String>(limit: 100)
        for element in ["a1", "a2", "a3", "b1", "c1", "b2"] {
            #expect(queue.append(element, of: String(element.prefix(1))) == nil)
        }
        #expect(queue.count == 6 && queue.count(of: "a") == 3)
        var taken: [String] = []
        while let element = queue.popFirst() { taken.append(element) }
        #expect(taken == ["a1", "b1", "c1", "a2", "b2", "a3"])
        #expect(queue.count == 0)
    }

    @Test("takes what was put back again, in the same order, and first of all")
    func putBack() {
        var queue = FairQueue<String>(limit: 4)
        for element in ["a1", "a2", "b1", "b2"] { _ = queue.append(element, of: String(element.prefix(1))) }
        let taken = (0..<4).compactMap { _ in queue.popFirst() }
        _ = queue.append("c1", of: "c")
        queue.putBack(taken.dropFirst().map { (element: $0, peer: String($0.prefix(1))) })
        #expect(queue.count == 4)
        // a1 has had its turn, so b is next.
        #expect((0..<5).compactMap { _ in queue.popFirst() } == ["b1", "a2", "c1", "b2"])
    }

    @Test("when it is full, lets the newest of the peer with most give way, so that none is kept out")
    func full() {
        var queue = FairQueue<String>(limit: 4)
        for number in 1...4 { #expect(queue.append("a\(number)", of: "a") == nil) }
        #expect(queue.append("a5", of: "a") == "a5")
        #expect(queue.append("b1", of: "b") == "a4")
        #expect(queue.append("c1", of: "c") == "a3")
        // Who has as many as the others does not push them out.
        #expect(queue.append("b2", of: "b") == "b2")
        #expect(queue.count == 4)
        var none = FairQueue<String>(limit: 0)
        #expect(none.append("a1", of: "a") == "a1" && none.popFirst() == nil)
    }

    @Test("passes over what was given up: it takes no turn, and goes first when the queue is full")
    func unwanted() {
        var dead: Set<String> = []
        let unwanted = Mutex(dead)
        var queue = FairQueue<String>(limit: 4) { element in unwanted.withLock { !$0.contains(element) } }
        for element in ["a1", "a2", "a3", "b1"] { #expect(queue.append(element, of: String(element.prefix(1))) == nil) }
        dead = ["a1", "a2"]
        unwanted.withLock { $0 = dead }
        #expect(queue.append("b2", of: "b") == nil)
        #expect(queue.count == 3)
        #expect(queue.append("a4", of: "a") == nil)
        unwanted.withLock { $0 = ["a1", "a2", "a3"] }
        #expect([queue.popFirst(), queue.popFirst(), queue.popFirst(), queue.popFirst()] == ["a4", "b1", "b2", nil])
        #expect(queue.count == 0)
    }

    @Test("serves every peer within one round, whatever the others do")
    func model() {
        let seed = Model.seed("fair queue")
        var random = SeededRandom(seed)
        var queue = FairQueue<(peer: String, number: Int)>(limit: 50)
        /// What waits, by peer.
        var waiting: [String: [Int]] = [:]
        /// How many were taken since a peer began to wait, or was last taken.
        var passed: [String: Int] = [:]
        for number in 0..<Model.steps / 10 {
            if random.below(5) < 3 {
                // A few ask for much, many for little.
                let peer = "\(random.below(2) == 0 ? random.below(2) : random.below(10))"
                let evicted = queue.append((peer, number), of: peer)
                waiting[peer, default: []].append(number)
                if let evicted { waiting[evicted.peer]?.removeAll { $0 == evicted.number } }
                passed[peer] = passed[peer] ?? 0
            } else if let taken = queue.popFirst() {
                if waiting[taken.peer]?.first != taken.number { Issue.record("out of order; seed \(seed)") }
                waiting[taken.peer]?.removeFirst()
                for peer in waiting.keys where !(waiting[peer] ?? []).isEmpty { passed[peer, default: 0] += 1 }
                passed[taken.peer] = 0
                if let most = passed.values.max(), most > 10 { Issue.record("passed over; seed \(seed)") }
            }
            for peer in waiting.keys where (waiting[peer] ?? []).isEmpty { passed[peer] = nil }
            if queue.count != waiting.values.reduce(0, { $0 + $1.count }) { Issue.record("count; seed \(seed)") }
            if queue.count > 50 { Issue.record("too many; seed \(seed)") }
        }
    }
}

@Suite("A command's gate", .timeLimit(.minutes(1)))
struct LoadGateTests {
    /// Notes whose turns came, and whose were taken away.
    private final class Turns: Sendable {
        private let all = Mutex<[String]>([])
        var list: [String] { all.withLock { $0 } }

        func turn(_ name: String) -> Turn {
            Turn { end in self.all.withLock { $0.append(end == .came ? name : "-" + name) } }
        }
    }

    private static func gate(_ limit: Int, waiting: Int = 100, _ mode: GuardMode = .enforce) -> LoadGate {
        var configuration = Shedding()
        configuration.mode = mode
        configuration.initial = limit
        configuration.minimum = limit
        configuration.maximum = limit
        configuration.waiting = waiting
        return LoadGate(configuration)
    }

    /// A wait that only cancellation ends.
    private static let forever: @Sendable (Duration) async throws -> Void = { _ in
        let (nothing, end) = AsyncStream.makeStream(of: Void.self)
        for await _ in nothing {}
        end.finish()
        try Task.checkCancellation()
    }

    private static func enter(
        _ gate: LoadGate, _ peer: String, _ turns: Turns, _ name: String = "", _ criticality: Criticality = .default
    ) -> LoadGate.Admission {
        gate.enter(peer, { criticality }, { turns.turn(name) })
    }

    @Test("lets the turns of peers come in the peers' order as others leave, and forgets who gave up")
    func turns() {
        let turns = Turns()
        let gate = Self.gate(10)
        for _ in 0..<9 { #expect(Self.enter(gate, "a", turns) == .admitted(.ordinary)) }
        for name in ["a1", "a2", "a3", "b1"] {
            #expect(Self.enter(gate, String(name.prefix(1)), turns, name) == .waits)
        }
        let given = turns.turn("c1")
        #expect(gate.enter("c", { .default }, { given }) == .waits)
        #expect(gate.waitingCount == 5 && gate.count == 9 && turns.list == [])
        #expect(given.giveUp() == .givenUp)
        for _ in 0..<3 { gate.leave(.ordinary, after: nil, at: .now()) }
        #expect(turns.list == ["a1", "b1", "a2"])
        #expect(gate.count == 9 && gate.waitingCount == 1)
        // One who comes while others wait does not go before them; one that is critical does, as long as there is room.
        #expect(Self.enter(gate, "d", turns, "d1") == .waits)
        #expect(Self.enter(gate, "d", turns, "", .critical) == .admitted(.critical))
        #expect(gate.count == 10)
        #expect(given.giveUp() == .givenUp, "it has ended already")
        gate.leave(.critical, after: nil, at: .now())
        for _ in 0..<9 { gate.leave(.ordinary, after: nil, at: .now()) }
        #expect(turns.list == ["a1", "b1", "a2", "a3", "d1"])
        #expect(gate.count == 2 && gate.waitingCount == 0)
        #expect(given.giveUp() == .givenUp)
    }

    @Test("keeps a reserve for critical messages, and no more: a flood of them leaves the others their turns")
    func critical() {
        let turns = Turns()
        let gate = Self.gate(20)
        for _ in 0..<18 { #expect(Self.enter(gate, "a", turns) == .admitted(.ordinary)) }
        #expect(Self.enter(gate, "b", turns, "b1") == .waits)
        for _ in 0..<2 { #expect(Self.enter(gate, "c", turns, "", .critical) == .admitted(.critical)) }
        #expect(Self.enter(gate, "c", turns, "c1", .critical) == .waits)
        // The reserve is used again and again, and an ordinary permit that is given back goes to those who wait.
        for _ in 0..<10 {
            gate.leave(.critical, after: nil, at: .now())
            #expect(Self.enter(gate, "c", turns, "", .critical) == .admitted(.critical))
        }
        #expect(turns.list == [])
        gate.leave(.ordinary, after: nil, at: .now())
        #expect(turns.list == ["b1"])
        gate.leave(.ordinary, after: nil, at: .now())
        #expect(turns.list == ["b1", "c1"] && gate.count == 20)
    }

    @Test("tells a turn that was taken away from one that came")
    func takenAway() {
        let turns = Turns()
        let gate = Self.gate(10, waiting: 2)
        for _ in 0..<9 { _ = Self.enter(gate, "a", turns) }
        #expect(Self.enter(gate, "a", turns, "a1") == .waits)
        let last = turns.turn("a2")
        #expect(gate.enter("a", { .default }, { last }) == .waits)
        #expect(Self.enter(gate, "b", turns, "b1") == .waits)
        #expect(last.giveUp() == .takenAway)
        gate.leave(.ordinary, after: nil, at: .now())
        #expect(turns.list == ["-a2", "a1"] && gate.count == 9)
    }

    @Test("refuses what is sheddable rather than have it wait, and takes a place from the peer that has most")
    func refuses() {
        let turns = Turns()
        let gate = Self.gate(10, waiting: 3)
        for _ in 0..<9 { _ = Self.enter(gate, "a", turns) }
        #expect(gate.refuses { .sheddable } && !gate.refuses { .default })
        #expect(Self.enter(gate, "b", turns, "b1", .sheddable) == .refused)
        for name in ["a1", "a2", "a3"] { #expect(Self.enter(gate, "a", turns, name) == .waits) }
        #expect(Self.enter(gate, "a", turns, "a4") == .refused)
        #expect(Self.enter(gate, "b", turns, "b1") == .waits)
        #expect(turns.list == ["-a3"])
        let none = Self.gate(10, waiting: 0)
        for _ in 0..<9 { _ = Self.enter(none, "a", turns) }
        #expect(none.refuses { .default } && Self.enter(none, "a", turns) == .refused)
    }

    @Test("holds back nothing when it does not enforce")
    func isOpen() {
        let turns = Turns()
        let off = Self.gate(10, .off)
        for _ in 0..<100 { #expect(Self.enter(off, "a", turns) == .admitted(.ordinary)) }
        let watching = Self.gate(10, .observe)
        for _ in 0..<9 { #expect(Self.enter(watching, "a", turns) == .admitted(.ordinary)) }
        #expect(Self.enter(watching, "a", turns) == .wouldRefuse(.ordinary) && watching.count == 10)
    }

    @Test("runs what it admits, has the others wait, and tells those whose patience ends")
    func admitting() async throws {
        let gate = Self.gate(1)
        let (ends, end) = AsyncStream.makeStream(of: Void.self)
        let (patiences, patience) = AsyncStream.makeStream(of: Void.self)
        try await withThrowingTaskGroup(of: String.self) { group in
            group.addTask {
                try await gate.admitting("a") {
                    for await _ in ends { break }
                    return "first"
                }
            }
            try await eventually { gate.count != 0 }
            group.addTask {
                do {
                    return try await gate.admitting("b", sleep: { _ in for await _ in patiences { break } }) { "never" }
                } catch let error as RemoteError {
                    return error.code?.rawValue ?? ""
                }
            }
            try await eventually { gate.waitingCount != 0 }
            // While the limit is not found: five windows.
            for _ in 0..<5 { patience.yield() }
            #expect(try await group.next() == "OVERLOADED")
            group.addTask {
                try await gate.admitting("c", sleep: Self.forever) { "second" }
            }
            // The place of the one that gave up counts no more.
            try await eventually { gate.waitingCount >= 2 }
            end.yield()
            #expect(try await group.next() == "first")
            #expect(try await group.next() == "second")
        }
        #expect(gate.count == 0 && gate.waitingCount == 0)
    }

    @Test("gives back the place of one that is cancelled, waiting or not")
    func cancelled() async throws {
        let gate = Self.gate(1)
        for isWaiting in [false, true] {
            if isWaiting { #expect(Self.enter(gate, "a", Turns()) == .admitted(.ordinary)) }
            let task = Task {
                try await gate.admitting("b", sleep: Self.forever) {
                    try await Self.forever(.zero)
                }
            }
            try await eventually { gate.count + gate.waitingCount == (isWaiting ? 2 : 1) }
            task.cancel()
            await #expect(throws: CancellationError.self) { try await task.value }
            if isWaiting { gate.leave(.ordinary, after: nil, at: .now()) }
            #expect(gate.count == 0 && gate.waitingCount == 0)
        }
    }
}

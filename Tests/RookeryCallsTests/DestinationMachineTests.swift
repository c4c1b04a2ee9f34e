import NIOCore
import RookeryCore
import RookeryCalls
import RookeryTesting
import Testing
import RookeryPolicies

private let first = Instance(host: "a", port: 1)
private let second = Instance(host: "b", port: 2)

@Suite("What a client knows about a destination")
struct DestinationMachineTests {
    private func machine(
        _ instances: [Instance] = [first, second], _ change: (inout ClientConfiguration) -> Void = { _ in }
    ) -> DestinationMachine {
        var configuration = ClientConfiguration("test", instances: .list([]))
        change(&configuration)
        var machine = DestinationMachine(configuration)
        _ = machine.instancesChanged(instances, at: .seconds(0))
        return machine
    }

    private func begin(
        _ machine: inout DestinationMachine, avoiding tried: [Instance] = [], at now: Double
    ) throws -> DestinationMachine.Attempt {
        try machine.attemptBegan(avoiding: tried, at: .seconds(now)) { 0 }.result.get()
    }

    private func end(
        _ machine: inout DestinationMachine, _ attempt: DestinationMachine.Attempt, _ result: AttemptResult,
        at now: Double
    ) -> [CallDecision] {
        machine.attemptEnded(attempt, result, latency: .milliseconds(1), at: .seconds(now)) { 0.5 }
    }

    @Test("goes elsewhere when an instance was tried, and back when there is no other")
    func avoids() throws {
        var machine = machine()
        let attempt = try begin(&machine, at: 1)
        #expect(attempt.instance == first)
        #expect(try begin(&machine, avoiding: [first], at: 1).instance == second)
        #expect(try begin(&machine, avoiding: [first], at: 1).instance == second)
        #expect(throws: Never.self) { try begin(&machine, avoiding: [first, second], at: 1) }
    }

    @Test("leaves an instance alone that cannot be reached, and lets one call find out whether it is back")
    func unreachable() throws {
        var machine = machine()
        let attempt = try begin(&machine, at: 1)
        #expect(end(&machine, attempt, .unreachable, at: 1) == [.unreachable(first, for: .seconds(1))])
        for _ in 0..<4 { #expect(try begin(&machine, at: 1.5).instance == second) }
        let after = try (0..<4).map { _ in try begin(&machine, at: 2.1) }
        #expect(after.filter { $0.instance == first }.count == 1)
        guard let probe = after.first(where: { $0.instance == first }) else { return }
        _ = end(&machine, probe, .answered, at: 2.2)
        let back = try (0..<4).map { _ in try begin(&machine, at: 2.3).instance }
        #expect(back.filter { $0 == first }.count == 2)
    }

    @Test("counts the calls that fail with one connection as one failure, and a test that fails as the next one")
    func failedConnection() throws {
        var machine = machine { configuration in
            configuration.breaker.mode = .off
            configuration.ejection.mode = .off
        }
        let attempts = try (0..<40).map { _ in try begin(&machine, at: 1) }.filter { $0.instance == first }
        let decisions = attempts.flatMap { end(&machine, $0, .unreachable, at: 1.2) }
        #expect(attempts.count == 20)
        #expect(decisions == [.unreachable(first, for: .seconds(1))])
        let later = try (0..<4).map { _ in try begin(&machine, at: 2.3) }.filter { $0.instance == first }
        #expect(later.count == 1)
        #expect(end(&machine, later[0], .unreachable, at: 2.4) == [.unreachable(first, for: .milliseconds(1600))])
    }

    @Test("does not open the destination's breaker because one of two instances is gone")
    func oneOfMany() throws {
        var machine = machine { $0.ejection.mode = .off }
        for _ in 0..<100 {
            let attempt = try begin(&machine, at: 1)
            _ = end(&machine, attempt, attempt.instance == first ? .lost : .answered, at: 1)
        }
        #expect(machine.breakerPosition() == .closed)
        // The instance's own breaker has opened: all calls go to the other one.
        for _ in 0..<10 { #expect(try begin(&machine, at: 1).instance == second) }
    }

    @Test("opens the breaker when all are gone, and counts no refusal of the service's")
    func opens() throws {
        var machine = machine([first])
        for _ in 0..<100 { _ = end(&machine, try begin(&machine, at: 1), .answered, at: 1) }
        var decisions: [CallDecision] = []
        for step in 0..<100 {
            let now = 12 + Double(step) / 1000
            guard let attempt = try? begin(&machine, at: now) else { break }
            decisions += end(&machine, attempt, .lost, at: now)
        }
        #expect(machine.breakerPosition() == .open)
        #expect(decisions.contains { if case .breaker(.group, let moved) = $0 { moved.to == .open } else { false } })
        let refused = machine.attemptBegan(avoiding: [], at: .seconds(12.5)) { 0 }
        guard case .failure(.breaker(let wait)) = refused.result else {
            Issue.record("not refused")
            return
        }
        #expect(wait > .seconds(4))
        #expect(machine.attemptsInFlight == 0)
    }

    @Test("keeps its groups apart: neither the breaker nor the limit of one reaches the commands of another")
    func bulkheads() throws {
        var machine = machine([first]) {
            $0.ejection.mode = .off
            $0.concurrency.maximumCalls = 100
            $0.groups["passwords"] = .init()
            $0.groups["passwords"]?.maximumCalls = 3
        }
        func attempt(_ group: String) -> Result<DestinationMachine.Attempt, DestinationMachine.Refusal> {
            machine.attemptBegan(group: group, avoiding: [], at: .seconds(1)) { 0 }.result
        }
        for _ in 0..<100 {
            guard case .success(let began) = attempt("passwords") else { break }
            _ = end(&machine, began, .timedOut, at: 1)
        }
        #expect(machine.breakerPosition(of: "passwords") == .open && machine.breakerPosition() == .closed)
        guard case .failure(.breaker) = attempt("passwords") else {
            Issue.record("the flooded group is still called")
            return
        }
        for _ in 0..<50 { _ = end(&machine, try attempt(Command.defaultGroup).get(), .answered, at: 1) }
        #expect(machine.breakerPosition() == .closed)

        let calls = (0..<4).map { _ in machine.callBegan(group: "passwords", at: .seconds(1)) }
        let other = machine.callBegan(at: .seconds(1))
        #expect(calls == [true, true, true, false] && other)
        #expect(machine.callsInFlight == 4)
        let groups = machine.status(at: .seconds(1)).groups
        #expect(groups.map(\.name) == ["default", "passwords"] && groups.map(\.callsInFlight) == [1, 3])

        // What is isolated is isolated for groups that are called later, too.
        _ = machine.isolate()
        guard case .failure(.breaker) = attempt("later") else {
            Issue.record("an isolated destination is called")
            return
        }
        _ = machine.reset()
        _ = end(&machine, try attempt("later").get(), .answered, at: 1)
    }

    private func streamEnds(
        _ machine: inout DestinationMachine, _ opening: DestinationMachine.Attempt, _ result: AttemptResult,
        isStopping: Bool = false, at now: Double
    ) -> [CallDecision] {
        machine.streamEnded(opening, result, isStopping: isStopping, at: .seconds(now)) { 0.5 }
    }

    @Test("passes an instance over for a second after a stream from it broke, and counts that at its breaker")
    func brokenStreams() throws {
        var machine = machine { $0.breaker.minimumCalls = 2 }
        let opening = try begin(&machine, at: 1)
        _ = end(&machine, opening, .sent, at: 1)
        #expect(streamEnds(&machine, opening, .lost, at: 2).isEmpty)
        // Other streams of the same connection count no more.
        for _ in 0..<30 { #expect(streamEnds(&machine, opening, .lost, at: 2).isEmpty) }
        for _ in 0..<4 { #expect(try begin(&machine, at: 2.9).instance == second) }
        let back = try (0..<4).map { _ in try begin(&machine, at: 3.1).instance }
        #expect(back.contains(first))
        let decisions = streamEnds(&machine, opening, .timedOut, at: 4)
        #expect(
            decisions.contains { if case .breaker(.instance(first), _) = $0 { true } else { false } }, "\(decisions)")
    }

    @Test("passes over an instance that stops its streams in order, and counts nothing")
    func stoppedStreams() throws {
        var machine = machine { $0.breaker.minimumCalls = 1 }
        let opening = try begin(&machine, at: 1)
        _ = end(&machine, opening, .sent, at: 1)
        #expect(streamEnds(&machine, opening, .failed, isStopping: true, at: 2).isEmpty)
        for _ in 0..<4 { #expect(try begin(&machine, at: 2.9).instance == second) }
        #expect(machine.status(at: .seconds(2)).instances[0].breaker == .closed)
    }

    @Test("takes a stream that its reader left for no failure")
    func leftStreams() throws {
        var machine = machine()
        let opening = try begin(&machine, at: 1)
        _ = end(&machine, opening, .sent, at: 1)
        #expect(streamEnds(&machine, opening, .abandoned, at: 2).isEmpty)
        let next = try (0..<4).map { _ in try begin(&machine, at: 2.1).instance }
        #expect(next.contains(first))
    }

    @Test(
        "takes the calls that are lost with one connection for one failure, and no failed connect for a reason to eject"
    )
    func lostConnection() throws {
        var machine = machine { $0.breaker.mode = .off }
        let attempts = try (0..<40).map { _ in try begin(&machine, at: 1) }.filter { $0.instance == first }
        let decisions = attempts.flatMap { attempt in
            machine.attemptEnded(attempt, .lost, latency: .milliseconds(500), at: .seconds(1.5)) { 0.5 }
        }
        #expect(attempts.count == 20 && decisions.isEmpty)
        for failure in 0..<6 {
            let now = Double(10 * failure + 2)
            let test = try #require(
                try (0..<2).map { _ in try begin(&machine, at: now) }.first { $0.instance == first })
            #expect(!end(&machine, test, .unreachable, at: now).contains { $0.kind == "ejected" })
        }
        // Connections that are lost one after another are failures in a row.
        var now = 100.0
        var ejected: [CallDecision] = []
        while ejected.isEmpty, now < 120 {
            now += 1
            for _ in 0..<2 {
                let attempt = try begin(&machine, at: now)
                if attempt.instance == first {
                    ejected += end(&machine, attempt, .lost, at: now + 0.01).filter { $0.kind == "ejected" }
                }
            }
        }
        #expect(now == 104)
    }

    @Test(
        "tests an ejected instance once a second with a call that can go on elsewhere, and takes it back when it answers"
    )
    func ejectedIsTested() throws {
        var machine = machine { $0.breaker.mode = .off }
        func begin(_ mayRepeat: Bool, at now: Double) throws -> DestinationMachine.Attempt {
            try machine.attemptBegan(avoiding: [], mayRepeat: mayRepeat, at: .seconds(now)) { 0 }.result.get()
        }
        for _ in 0..<200 where machine.callBegan(at: .seconds(1)) { machine.callEnded() }
        for _ in 0..<10 {
            let attempt = try begin(true, at: 1)
            _ = end(&machine, attempt, attempt.instance == first ? .timedOut : .answered, at: 1)
        }
        #expect(machine.status(at: .seconds(1.9)).instances[0].isEjected)
        #expect(try (0..<4).allSatisfy { _ in try begin(true, at: 1.9).instance == second })
        #expect(try (0..<4).allSatisfy { _ in try begin(false, at: 2.1).instance == second })
        let test = try begin(true, at: 2.1)
        #expect(test.instance == first && test.isLimited)
        #expect(try (0..<4).allSatisfy { _ in try begin(true, at: 2.1).instance == second })
        #expect(end(&machine, test, .timedOut, at: 2.3).isEmpty)
        let again = try begin(true, at: 3.2)
        #expect(again.instance == first)
        #expect(end(&machine, again, .answered, at: 3.21) == [.readmitted(first)])
        #expect(try (0..<4).map { _ in try begin(true, at: 3.3).instance }.filter { $0 == first }.count == 2)
    }

    @Test("leaves out an instance that fails, but never the last one, and none when most are bad")
    func ejects() throws {
        var machine = machine { $0.breaker.mode = .off }
        var ejected: [CallDecision] = []
        for _ in 0..<20 {
            let attempt = try begin(&machine, at: 1)
            ejected += end(&machine, attempt, attempt.instance == first ? .failed : .answered, at: 1)
        }
        #expect(ejected.contains(.ejected(first, for: .seconds(30))))
        for _ in 0..<6 { #expect(try begin(&machine, at: 2).instance == second) }
        var others: [CallDecision] = []
        for _ in 0..<20 { others += end(&machine, try begin(&machine, at: 2), .failed, at: 2) }
        #expect(!others.contains { if case .ejected(second, _) = $0 { true } else { false } })
    }

    @Test("only says what it would do when a guard observes")
    func observes() throws {
        var machine = machine([first]) {
            $0.breaker.mode = .observe
            $0.ejection.mode = .observe
            $0.budget.mode = .observe
            $0.concurrency.mode = .observe
            $0.concurrency.maximumCalls = 1
        }
        var decisions: [CallDecision] = []
        for _ in 0..<40 {
            let began = machine.attemptBegan(avoiding: [], at: .seconds(1)) { 0 }
            decisions += began.decisions
            decisions += end(&machine, try began.result.get(), .failed, at: 1)
        }
        #expect(decisions.contains { if case .observed(let text) = $0 { text.contains("rejected") } else { false } })
        #expect(machine.callBegan(at: .seconds(1)) && machine.callBegan(at: .seconds(1)) && machine.isOverLimit())
    }

    @Test("lets a new instance in slowly, and forgets one that is gone")
    func comeAndGo() throws {
        var machine = machine([first])
        let onGone = try begin(&machine, at: 100)
        #expect(machine.instancesChanged([second], at: .seconds(100)) == [onGone.serial])
        #expect(try begin(&machine, at: 100).instance == second)
        // Its call ends after it has left, which concerns nobody any more.
        #expect(end(&machine, onGone, .lost, at: 101) == [])
        _ = machine.instancesChanged([first, second], at: .seconds(200))
        var random = SeededRandom(4)
        var new = 0
        for _ in 0..<1000 {
            let attempt = try machine.attemptBegan(avoiding: [], at: .seconds(201)) { random.unit() }.result.get()
            if attempt.instance == first { new += 1 }
        }
        #expect((40...250).contains(new), "\(new)")
        #expect(machine.instancesChanged([], at: .seconds(202)).count == 2)
        #expect(throws: DestinationMachine.Refusal.noInstances) { try begin(&machine, at: 202) }
    }

    @Test("gives an attempt that may be repeated a multiple of the command's usual time")
    func usualTime() throws {
        var machine = machine { $0.retry.attemptTimeout = .seconds(2) }
        func attempt(_ command: String, answeredAfter time: Duration?) throws -> Duration? {
            let attempt = try machine.attemptBegan(command: command, avoiding: [], mayRepeat: true, at: .seconds(1)) {
                0
            }
            .result.get()
            _ = machine.attemptEnded(
                attempt, time == nil ? .abandoned : .answered, latency: time ?? .zero, at: .seconds(1)
            ) { 0.5 }
            return attempt.limit
        }
        for _ in 0..<20 { #expect(try attempt("quick", answeredAfter: .milliseconds(2)) == .seconds(2)) }
        #expect(try attempt("quick", answeredAfter: nil) == .milliseconds(250), "the shortest")
        #expect(try attempt("new", answeredAfter: nil) == .seconds(2), "nothing is known of it")
        for _ in 0..<40 { _ = try attempt("slow", answeredAfter: .milliseconds(100)) }
        let slow = try #require(try attempt("slow", answeredAfter: nil))
        #expect(slow > .milliseconds(799) && slow < .milliseconds(900))
        for _ in 0..<40 { _ = try attempt("slow", answeredAfter: .milliseconds(900)) }
        #expect(try attempt("slow", answeredAfter: nil) == .seconds(2), "the longest")
        // With one instance, no other can be asked.
        _ = machine.instancesChanged([first], at: .seconds(2))
        #expect(try attempt("quick", answeredAfter: nil) == nil)
    }

    @Test("cuts no more attempts short than the budget has retries for")
    func limited() throws {
        var machine = machine { $0.breaker.mode = .off }
        var limited: [DestinationMachine.Attempt] = []
        for _ in 0..<500 {
            let attempt = try machine.attemptBegan(avoiding: [], mayRepeat: true, at: .seconds(1)) { 0 }.result.get()
            if attempt.isLimited { limited.append(attempt) }
        }
        #expect(limited.count == 100)
        _ = end(&machine, limited.removeLast(), .answered, at: 1)
        #expect(try machine.attemptBegan(avoiding: [], mayRepeat: true, at: .seconds(1)) { 0 }.result.get().isLimited)
        #expect(try machine.attemptBegan(avoiding: [], at: .seconds(1)) { 0 }.result.get().isLimited == false)
        // Nobody is left to ask.
        let last = try machine.attemptBegan(avoiding: [first], mayRepeat: true, at: .seconds(100)) { 0 }.result.get()
        #expect(last.instance == second && !last.isLimited)
    }

    @Test("gives every place back, whatever happens, in a million random steps")
    func model() {
        let seed = Model.seed("destination")
        var random = SeededRandom(seed)
        let names = (0..<6).map { Instance(host: "h\($0)", port: 1) }
        var configuration = ClientConfiguration("test", instances: .list([]))
        configuration.concurrency.maximumCalls = 50
        configuration.balancing = ClientConfiguration.Balancing.allCases[random.below(3)]
        var machine = DestinationMachine(configuration)
        _ = machine.instancesChanged(names, at: .seconds(0))
        let results: [AttemptResult] = [
            .answered, .answered, .answered, .answeredLate, .failed, .timedOut, .lost, .unreachable, .overloaded,
            .abandoned,
        ]
        var calls = 0
        var attempts: [DestinationMachine.Attempt] = []
        var now = 1.0
        for step in 0..<Model.steps {
            now += random.unit() * 0.01
            switch random.below(1000) {
            case 0: _ = machine.instancesChanged(names.filter { _ in random.chance(0.6) }, at: .seconds(now))
            case 1..<200: if machine.callBegan(at: .seconds(now)) { calls += 1 }
            case 200..<400 where calls > 0:
                machine.callEnded()
                calls -= 1
            case 400..<700:
                let tried = names.filter { _ in random.chance(0.2) }
                let mayRepeat = random.chance(0.5)
                var randomSource = random
                let began = machine.attemptBegan(
                    avoiding: tried, mayRepeat: mayRepeat, at: .seconds(now)
                ) { randomSource.unit() }
                random = randomSource
                if case .success(let attempt) = began.result { attempts.append(attempt) }
            default:
                if attempts.isEmpty { continue }
                let attempt = attempts.remove(at: random.below(attempts.count))
                var randomSource = random
                _ = machine.attemptEnded(
                    attempt, results[random.below(results.count)], latency: .milliseconds(random.below(100)),
                    at: .seconds(now)
                ) { randomSource.unit() }
                random = randomSource
            }
            if machine.callsInFlight != calls || calls > 50 { Issue.record("calls; seed \(seed), step \(step)") }
            if machine.attemptsInFlight > attempts.count { Issue.record("attempts; seed \(seed), step \(step)") }
            if machine.probesOut > 3 * (names.count + 1) { Issue.record("probes; seed \(seed), step \(step)") }
        }
        for attempt in attempts {
            _ = machine.attemptEnded(attempt, .abandoned, latency: .zero, at: .seconds(now)) { 0.5 }
        }
        for _ in 0..<calls { machine.callEnded() }
        #expect(machine.attemptsInFlight == 0 && machine.callsInFlight == 0 && machine.probesOut == 0, "seed \(seed)")
        #expect(machine.limitedAttempts == 0, "seed \(seed)")
    }
}

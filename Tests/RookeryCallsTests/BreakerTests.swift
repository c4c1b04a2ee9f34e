import NIOCore
import RookeryCalls
import RookeryPolicies
import RookeryTesting
import Testing

@Suite("A circuit breaker")
struct BreakerTests {
    private typealias Ticket = CircuitBreaker.Ticket

    private func call(
        _ breaker: inout CircuitBreaker, _ outcome: CircuitBreaker.Outcome, at now: NIODeadline
    ) -> CircuitBreaker.Transition? {
        guard case .allowed(let ticket) = breaker.callBegan(at: now).admission else { return nil }
        return breaker.callEnded(outcome, ticket, at: now, random: { 0.5 })
    }

    private func opened(at now: NIODeadline) -> CircuitBreaker {
        var breaker = CircuitBreaker()
        for _ in 0..<20 { _ = call(&breaker, .failure, at: now) }
        return breaker
    }

    @Test("opens when half of at least 20 calls failed, and not before")
    func opens() {
        var breaker = CircuitBreaker()
        for _ in 0..<10 { #expect(call(&breaker, .success, at: .seconds(1)) == nil) }
        for _ in 0..<9 { #expect(call(&breaker, .failure, at: .seconds(2)) == nil) }
        let transition = call(&breaker, .failure, at: .seconds(2))
        #expect(transition?.to == .open && transition?.reason == "10 of 20 calls failed")
        #expect(breaker.callBegan(at: .seconds(3)).admission == .refused(retryAfter: .seconds(4)))
    }

    @Test("counts calls when they begin, so that the tenth failure of a burst is enough")
    func isNotBlind() {
        var breaker = CircuitBreaker()
        var tickets: [Ticket] = []
        for _ in 0..<1000 {
            guard case .allowed(let ticket) = breaker.callBegan(at: .seconds(1)).admission else { return }
            tickets.append(ticket)
        }
        var failures = 0
        for ticket in tickets {
            failures += 1
            if breaker.callEnded(.failure, ticket, at: .seconds(1), random: { 0 }) != nil { break }
        }
        #expect(failures == 10)
    }

    @Test("opens when four fifths of the calls are slow")
    func slow() {
        var breaker = CircuitBreaker()
        for _ in 0..<4 { _ = call(&breaker, .success, at: .seconds(1)) }
        for _ in 0..<15 { #expect(call(&breaker, .slow, at: .seconds(1)) == nil) }
        #expect(call(&breaker, .slow, at: .seconds(1))?.to == .open)
    }

    @Test("forgets what is older than its window")
    func forgets() {
        var breaker = CircuitBreaker()
        for _ in 0..<19 { _ = call(&breaker, .failure, at: .seconds(1)) }
        #expect(call(&breaker, .failure, at: .seconds(12)) == nil)
        #expect(breaker.position == .closed)
    }

    @Test("is not opened by a call that succeeds, however bad those before were")
    func goodNews() {
        var breaker = CircuitBreaker()
        for _ in 0..<19 { _ = call(&breaker, .failure, at: .seconds(1)) }
        for _ in 0..<10 { #expect(call(&breaker, .success, at: .seconds(2)) == nil) }
        #expect(breaker.position == .closed)
    }

    @Test("counts nothing that nobody knows the outcome of")
    func unknown() {
        var breaker = CircuitBreaker()
        for _ in 0..<1000 { #expect(call(&breaker, .unknown, at: .seconds(1)) == nil) }
        for _ in 0..<9 { #expect(call(&breaker, .failure, at: .seconds(1)) == nil) }
        #expect(breaker.position == .closed)
    }

    @Test("lets three probes through when its time is over, and closes when all succeeded")
    func probes() {
        var breaker = opened(at: .seconds(0))
        let first = breaker.callBegan(at: .seconds(5))
        #expect(first.transition?.to == .halfOpen)
        var tickets: [Ticket] = []
        if case .allowed(let ticket) = first.admission { tickets.append(ticket) }
        for _ in 0..<2 {
            if case .allowed(let ticket) = breaker.callBegan(at: .seconds(5)).admission { tickets.append(ticket) }
        }
        #expect(tickets.count == 3)
        #expect(breaker.callBegan(at: .seconds(5)).admission == .refused(retryAfter: .milliseconds(500)))
        // One gives its place back, another takes it.
        #expect(breaker.callEnded(.unknown, tickets.removeLast(), at: .seconds(5), random: { 0 }) == nil)
        if case .allowed(let ticket) = breaker.callBegan(at: .seconds(5)).admission { tickets.append(ticket) }
        #expect(tickets.count == 3)
        #expect(breaker.callEnded(.success, tickets[0], at: .seconds(6), random: { 0 }) == nil)
        #expect(breaker.callEnded(.success, tickets[1], at: .seconds(6), random: { 0 }) == nil)
        #expect(breaker.callEnded(.success, tickets[2], at: .seconds(6), random: { 0 })?.to == .closed)
    }

    @Test("stays open twice as long after each probe that failed, but not for ever")
    func doubles() {
        var breaker = opened(at: .seconds(0))
        var now = 0.0
        for expected in [5.0, 10, 20, 40, 80, 160, 300, 300] {
            #expect(!breaker.admits(at: .seconds(now + expected * 0.99)))
            #expect(breaker.admits(at: .seconds(now + expected * 1.01)))
            now += expected * 1.01
            #expect(call(&breaker, .failure, at: .seconds(now))?.to == .open)
        }
    }

    @Test("is not moved by calls that began before it moved")
    func late() {
        var breaker = CircuitBreaker()
        guard case .allowed(let old) = breaker.callBegan(at: .seconds(0)).admission else { return }
        for _ in 0..<20 { _ = call(&breaker, .failure, at: .seconds(0)) }
        _ = breaker.callBegan(at: .seconds(6))
        #expect(breaker.position == .halfOpen)
        #expect(breaker.callEnded(.failure, old, at: .seconds(6), random: { 0 }) == nil)
        #expect(breaker.callEnded(.success, old, at: .seconds(6), random: { 0 }) == nil)
        #expect(breaker.position == .halfOpen && breaker.probesOut == 1)
    }

    @Test("can be isolated and reset by hand")
    func byHand() {
        var breaker = CircuitBreaker()
        #expect(breaker.isolate()?.to == .isolated)
        #expect(!breaker.admits(at: .seconds(100_000)))
        #expect(breaker.reset()?.to == .closed)
        #expect(breaker.admits(at: .seconds(100_000)))
    }

    @Test("never has more probes out than it may, and never stays open for ever, in a million random steps")
    func model() {
        let seed = Model.seed("breaker")
        var random = SeededRandom(seed)
        var breaker = CircuitBreaker()
        var out: [Ticket] = []
        var now = 0.0
        var failing = false
        var openSince: Double?
        var wasOpened = 0
        var wasClosed = 0
        for _ in 0..<Model.steps {
            now += random.unit() * 0.02
            if random.chance(0.0005) { failing.toggle() }
            if random.chance(0.6) || out.isEmpty {
                let (admission, transition) = breaker.callBegan(at: .seconds(now))
                if case .allowed(let ticket) = admission { out.append(ticket) }
                if transition?.to == .halfOpen { openSince = nil }
                if case .refused(let wait) = admission, wait <= .zero { Issue.record("no wait; seed \(seed)") }
            } else {
                let ticket = out.remove(at: random.below(out.count))
                let outcome: CircuitBreaker.Outcome =
                    random.chance(0.05) ? .unknown : random.chance(failing ? 0.9 : 0.02) ? .failure : .success
                let chance = random.unit()
                switch breaker.callEnded(outcome, ticket, at: .seconds(now), random: { chance })?.to {
                case .open: (openSince, wasOpened) = (now, wasOpened + 1)
                case .closed: wasClosed += 1
                case .halfOpen, .isolated, nil: break
                }
            }
            if breaker.probesOut > 3 || breaker.probesOut < 0 {
                Issue.record("\(breaker.probesOut) probes; seed \(seed)")
            }
            // There is always a call coming: 300 s and a tenth is the longest it may take to let one through.
            if let openSince, now - openSince > 331 { Issue.record("stuck open; seed \(seed)") }
        }
        #expect(wasOpened > 5 && wasClosed > 2, "seed \(seed)")
        for ticket in out { _ = breaker.callEnded(.unknown, ticket, at: .seconds(now), random: { 0 }) }
        #expect(breaker.probesOut == 0)
    }
}

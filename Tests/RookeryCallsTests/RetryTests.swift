import NIOCore
import RookeryCore
import RookeryCalls
import RookeryPolicies
import RookeryWire
import RookeryTesting
import Testing

@Suite("A retry")
struct RetryTests {
    private func decide(
        _ failure: AttemptFailure, _ idempotency: Idempotency = .safe, hasOther: Bool = false,
        remaining: Duration = .seconds(5), random: Double = 0.5, attempts: Int = 1,
        _ change: (inout ClientConfiguration.Retry) -> Void = { _ in }
    ) -> RetryState.Decision {
        var policy = ClientConfiguration.Retry()
        change(&policy)
        var state = RetryState(policy, idempotency)
        for _ in 1..<attempts {
            _ = state.failed(.ambiguous, hasOther: false, remaining: .seconds(1000), random: 0)
        }
        return state.failed(failure, hasOther: hasOther, remaining: remaining, random: random)
    }

    @Test("waits anything up to 50 ms times two to the number of attempts, and at most 2 s")
    func delays() {
        #expect(decide(.ambiguous, random: 0) == .retry(after: .zero, isCounted: true))
        #expect(decide(.ambiguous, random: 0.5) == .retry(after: .milliseconds(50), isCounted: true))
        #expect(decide(.ambiguous, random: 0.5, attempts: 2) == .retry(after: .milliseconds(100), isCounted: true))
        #expect(
            decide(.ambiguous, random: 1, attempts: 20) { $0.maximumAttempts = 100 }
                == .retry(after: .seconds(2), isCounted: true))
        #expect(decide(.refused(retryAfter: nil), random: 0.5) == .retry(after: .seconds(1), isCounted: true))
    }

    @Test("is made at once, and not counted, at another instance when the request was never sent")
    func notSent() {
        for idempotency in [Idempotency.safe, .keyed, .unsafe] {
            #expect(decide(.notSent, idempotency, hasOther: true) == .retry(after: .zero, isCounted: false))
            #expect(decide(.notSent, idempotency, random: 0) == .retry(after: .zero, isCounted: true))
            #expect(decide(.unreachable, idempotency, hasOther: true) == .retry(after: .zero, isCounted: false))
            #expect(decide(.unreachable, idempotency) == .stop(.unreachable))
        }
    }

    @Test("is made after an ambiguous failure only when the command may run twice")
    func ambiguous() {
        #expect(decide(.ambiguous, .unsafe) == .stop(.mayHaveRun))
        #expect(decide(.ambiguous, .keyed, random: 0) == .retry(after: .zero, isCounted: true))
    }

    @Test("is made once at once after a refusal, then after a wait; what the peer asks for replaces the wait")
    func refused() {
        var state = RetryState(ClientConfiguration.Retry(), .unsafe)
        func failed(_ hasOther: Bool) -> RetryState.Decision {
            state.failed(.refused(retryAfter: nil), hasOther: hasOther, remaining: .seconds(5), random: 0.25)
        }
        #expect(failed(true) == .retry(after: .zero, isCounted: true))
        #expect(failed(true) == .retry(after: .milliseconds(500), isCounted: true))
        #expect(failed(true) == .stop(.attempts))
        #expect(
            decide(.refused(retryAfter: .milliseconds(70)), hasOther: true) == .retry(after: .zero, isCounted: true))
        #expect(
            decide(.refused(retryAfter: .milliseconds(70))) == .retry(after: .milliseconds(70), isCounted: true))
        #expect(decide(.refused(retryAfter: .milliseconds(-1))) == .stop(.pushback))
    }

    @Test("is not made when the wait would outlast the deadline, when there were enough, or when they are off")
    func stops() {
        #expect(decide(.ambiguous, remaining: .milliseconds(40), random: 0.5) == .stop(.deadline))
        #expect(decide(.ambiguous, attempts: 3) == .stop(.attempts))
        #expect(decide(.ambiguous) { $0.mode = .off } == .stop(.off))
        #expect(decide(.final, hasOther: true) == .stop(.final))
    }

    @Test("is decided by what failed")
    func sorts() {
        #expect(FailedAttempt(CallError(.cannotConnect, "")).failure == .unreachable)
        #expect(FailedAttempt(CallError(.connectionLost, "", wasWritten: false)).failure == .notSent)
        #expect(FailedAttempt(CallError(.connectionLost, "", wasWritten: true)).failure == .ambiguous)
        #expect(FailedAttempt(CallError(.timeout, "", wasWritten: true)).failure == .ambiguous)
        #expect(FailedAttempt(CallError(.breakerOpen, "")).failure == .final)
        #expect(FailedAttempt(RemoteError("BOOKING_NOT_FOUND", "")).failure == .final)
        #expect(FailedAttempt(RemoteError.internalServerError).failure == .final)
        #expect(FailedAttempt(RemoteError(.dependencyUnavailable, "")).failure == .final)
        let pushback = RemoteError(.overloaded, "", details: ["retryAfterMs": 250])
        #expect(FailedAttempt(pushback).failure == .refused(retryAfter: .milliseconds(250)))
        #expect(FailedAttempt(RemoteError(.shuttingDown, "")).failure == .ambiguous)
    }
}

extension RetryTests {
    @Test("never outlives its deadline, its attempts or its command's nature, in a million random steps")
    func model() {
        let seed = Model.seed("retry")
        var random = SeededRandom(seed)
        let failures: [AttemptFailure] = [
            .unreachable, .notSent, .ambiguous, .final, .refused(retryAfter: nil),
            .refused(retryAfter: .milliseconds(100)), .refused(retryAfter: .milliseconds(-1)),
        ]
        var state = RetryState(ClientConfiguration.Retry(), .safe)
        var idempotency = Idempotency.safe
        var retries = 0
        for _ in 0..<Model.steps {
            let failure = failures[random.below(failures.count)]
            let remaining = Duration.milliseconds(random.below(3000))
            let hasOther = random.chance(0.5)
            switch state.failed(failure, hasOther: hasOther, remaining: remaining, random: random.unit()) {
            case .retry(let delay, let isCounted):
                if delay > .zero, delay >= remaining { Issue.record("too late; seed \(seed)") }
                if delay > .seconds(2) { Issue.record("too long; seed \(seed)") }
                if failure == .final { Issue.record("an answer repeated; seed \(seed)") }
                if failure == .ambiguous, idempotency == .unsafe { Issue.record("ran twice; seed \(seed)") }
                if isCounted { retries += 1 } else if !hasOther { Issue.record("uncounted; seed \(seed)") }
                if retries > 2 || state.attempts != retries + 1 { Issue.record("too often; seed \(seed)") }
                if random.chance(0.8) { continue }
            case .stop: break
            }
            idempotency = [.safe, .keyed, .unsafe][random.below(3)]
            state = RetryState(ClientConfiguration.Retry(), idempotency)
            retries = 0
        }
    }
}

@Suite("A retry budget")
struct RetryBudgetTests {
    @Test("lets a fifth of the requests be retried, and ten more a second")
    func ratio() {
        var budget = RetryBudget()
        var retries = 0
        for step in 0..<100_000 {
            let now = NIODeadline.seconds(Double(step) / 1000)
            budget.requestBegan(at: now)
            if budget.withdraw(at: now) { retries += 1 }
        }
        // 100 s at 1000 requests a second.
        #expect((20_000...21_100).contains(retries))
    }

    @Test("lets rare callers retry")
    func reserve() {
        var budget = RetryBudget()
        var retries = 0
        for _ in 0..<200 where budget.withdraw(at: .seconds(1)) { retries += 1 }
        #expect(retries == 100)
        let isAllowed = budget.withdraw(at: .seconds(12))
        #expect(isAllowed)
    }

    @Test("keeps half of the reserve from retries after refusals, so that calls can leave an instance that stalls next")
    func refusals() {
        var budget = RetryBudget()
        var refused = 0
        for _ in 0..<200 where budget.withdraw(afterRefusal: true, at: .seconds(1)) { refused += 1 }
        var others = 0
        for _ in 0..<200 where budget.withdraw(at: .seconds(5)) { others += 1 }
        #expect(refused == 50 && others == 50)
    }

    @Test("is never exceeded in any window, in a million random steps")
    func model() {
        let seed = Model.seed("retry budget")
        var random = SeededRandom(seed)
        var budget = RetryBudget()
        var now = 0.0
        // What the note promises, checked against a count of its own: requests and retries of the last 10 s and a slot.
        var events: [(at: Double, isRetry: Bool)] = []
        var first = 0
        var requests = 0
        var retries = 0
        for _ in 0..<Model.steps {
            now += random.unit() * (random.chance(0.01) ? 1 : 0.002)
            if random.chance(0.5) {
                budget.requestBegan(at: .seconds(now))
                events.append((now, false))
                requests += 1
            } else if budget.withdraw(at: .seconds(now)) {
                events.append((now, true))
                retries += 1
            }
            while first < events.count, events[first].at < now - 10 {
                if events[first].isRetry { retries -= 1 } else { requests -= 1 }
                first += 1
            }
            // A slot's worth of deposits may already have been spent when it falls out of this window.
            if Double(retries) > 0.2 * Double(requests) + 100 + 0.2 * 1000 + 1 {
                Issue.record("\(retries) retries of \(requests) requests; seed \(seed)")
                return
            }
        }
    }
}

@Suite("A reconnect's wait")
struct BackoffTests {
    @Test("grows by 1.6 up to 30 s, and is a fifth longer or shorter by chance")
    func grows() {
        let backoff = ClientConfiguration.Reconnect()
        #expect(backoff.delay(failures: 1, random: 0.5) == .seconds(1))
        #expect(backoff.delay(failures: 2, random: 0.5) == .milliseconds(1600))
        #expect(backoff.delay(failures: 3, random: 0) == .milliseconds(2048))
        #expect(backoff.delay(failures: 50, random: 0.5) == .seconds(30))
        #expect(backoff.delay(failures: Int.max, random: 1) == .seconds(36))
    }
}

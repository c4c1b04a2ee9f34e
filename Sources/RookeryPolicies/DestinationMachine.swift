package import NIOCore
import RookeryCore

/// The state of a destination at a client, and the decisions about its calls: instances, breakers, limits and retries.
///
/// A pure value: time and randomness are parameters, and the owner makes the calls.
package struct DestinationMachine: Sendable {
    /// Why an attempt cannot start.
    package enum Refusal: Error, Sendable, Hashable {
        /// The breaker of the group refuses calls.
        case breaker(retryAfter: Duration)
        /// No instance serves the destination.
        case noInstances
    }

    struct Entry: Sendable {
        let instance: Instance
        /// Identifies this entry. An instance that was removed and added again has another serial.
        let serial: UInt64
        /// When the instance was added. Nil for an instance of the first list, which has no slow start.
        let addedAt: NIODeadline?
        var inFlight = 0
        var latency: PeakEWMA
        var hasLatency = false
        var ejection: Ejection
        var breaker: CircuitBreaker
        var connectFailures = 0
        var backsOffUntil: NIODeadline?
        /// When the last connection was lost.
        var lostAt: NIODeadline?
        /// Until when others are preferred, because a stream from it broke.
        var passedOverUntil: NIODeadline?

        func isReachable(at now: NIODeadline) -> Bool { backsOffUntil.map { now >= $0 } ?? true }
    }

    /// A bulkhead: the breaker and the limit of one group do not affect the other groups.
    struct Group: Sendable {
        let name: String
        let maximumCalls: Int
        var breaker: CircuitBreaker
        var callsInFlight = 0
    }

    let configuration: ClientConfiguration
    var entries: [Entry] = []
    /// The default group, then the other groups in the order of their first call.
    var groups: [Group] = []
    var isIsolated = false
    private var budget: RetryBudget
    private var balancer: Balancer
    private var nextSerial: UInt64 = 0
    private var intervalEnd: NIODeadline?
    /// Whether the first list has arrived. Its instances have no slow start.
    private var hadInstances = false
    /// Attempts under way with a shortened timeout.
    private var limitedInFlight = 0
    /// How long the commands usually take. Empty with a single instance.
    private var usualTimes = UsualTimes()

    /// Makes a destination without instances.
    package init(_ configuration: ClientConfiguration) {
        self.configuration = configuration
        budget = RetryBudget(configuration.budget)
        balancer = Balancer(configuration.balancing)
        _ = group(Command.defaultGroup)
    }

    /// The index of a group, which is added if it is new. Contracts declare the groups, so they are few, and a linear
    /// search costs less than a hash.
    private mutating func group(_ name: String) -> Int {
        if let at = groups.firstIndex(where: { $0.name == name }) { return at }
        var breaker = CircuitBreaker(configuration.breaker)
        if isIsolated { _ = breaker.isolate() }
        groups.append(Group(name: name, maximumCalls: maximumCalls(of: name), breaker: breaker))
        return groups.count - 1
    }

    /// The current instances.
    package var instances: [Instance] { entries.map(\.instance) }
    /// Attempts under way.
    package var attemptsInFlight: Int { entries.reduce(0) { $0 + $1.inFlight } }
    /// Attempts under way with a shortened timeout.
    package var limitedAttempts: Int { limitedInFlight }
    /// Calls under way, of all groups.
    package var callsInFlight: Int { groups.reduce(0) { $0 + $1.callsInFlight } }
    /// Breaker probes in flight, of all groups and instances.
    package var probesOut: Int {
        groups.reduce(entries.reduce(0) { $0 + $1.breaker.probesOut }) { $0 + $1.breaker.probesOut }
    }
    /// The position of a group's breaker.
    package func breakerPosition(of group: String = Command.defaultGroup) -> CircuitBreaker.Position {
        groups.first { $0.name == group }?.breaker.position ?? (isIsolated ? .isolated : .closed)
    }
    /// The number of retries that the budget covers.
    package var retriesAvailable: Double { budget.available }

    // MARK: Instances

    /// Replaces the list of instances, and ignores duplicates. Returns the serials of the removed instances.
    ///
    /// An instance that stays in the list keeps its breaker, ejection and latency.
    package mutating func instancesChanged(_ instances: [Instance], at now: NIODeadline) -> [UInt64] {
        var wanted: [Instance] = []
        for instance in instances where !wanted.contains(instance) { wanted.append(instance) }
        let gone = entries.filter { !wanted.contains($0.instance) }.map(\.serial)
        var kept = Dictionary(uniqueKeysWithValues: entries.map { ($0.instance, $0) })
        entries = wanted.map { instance in
            if let entry = kept.removeValue(forKey: instance) { return entry }
            nextSerial += 1
            return Entry(
                instance: instance, serial: nextSerial,
                addedAt: hadInstances ? now : nil,
                latency: PeakEWMA(decay: configuration.latencyDecay),
                ejection: Ejection(configuration.ejection), breaker: CircuitBreaker(configuration.breaker))
        }
        hadInstances = hadInstances || !entries.isEmpty
        return gone
    }

    /// Whether an attempt's instance is still in the list.
    package func has(_ attempt: Attempt) -> Bool { entries.contains { $0.serial == attempt.serial } }

    // MARK: Calls

    /// Starts a call of a group and makes its deposit in the retry budget.
    ///
    /// False if ``maximumCalls(of:)`` calls are under way and the limit is enforced. Then the call must not start.
    package mutating func callBegan(group name: String = Command.defaultGroup, at now: NIODeadline) -> Bool {
        let at = group(name)
        if configuration.concurrency.mode == .enforce, groups[at].callsInFlight >= groups[at].maximumCalls {
            return false
        }
        groups[at].callsInFlight += 1
        budget.requestBegan(at: now)
        return true
    }

    /// The most calls of a group that may be under way.
    package func maximumCalls(of group: String = Command.defaultGroup) -> Int {
        configuration.groups[group]?.maximumCalls ?? configuration.concurrency.maximumCalls
    }

    /// Whether a group has more calls under way than its limit, if the limit only observes. False in other modes.
    package func isOverLimit(group name: String = Command.defaultGroup) -> Bool {
        guard configuration.concurrency.mode == .observe else { return false }
        return groups.contains { $0.name == name && $0.callsInFlight > $0.maximumCalls }
    }

    /// Ends a call of a group that ``callBegan(group:at:)`` started.
    package mutating func callEnded(group name: String = Command.defaultGroup) {
        groups[group(name)].callsInFlight -= 1
    }

    /// Takes a retry from the budget. A retry after a refusal may not take all of it.
    ///
    /// `isAllowed` is false if the budget is used up and enforced. `observed` is a decision if it is used up and only
    /// observed.
    package mutating func retryWanted(
        after failure: AttemptFailure, at now: NIODeadline
    ) -> (isAllowed: Bool, observed: CallDecision?) {
        if configuration.budget.mode == .off || budget.withdraw(afterRefusal: failure.isRefusal, at: now) {
            return (true, nil)
        }
        if configuration.budget.mode == .enforce { return (false, nil) }
        return (true, .observed("kept from retrying: the budget is used up"))
    }

    /// Whether the list has an instance that was not tried, in whatever state.
    package func hasUntried(_ tried: [Instance]) -> Bool { entries.contains { !tried.contains($0.instance) } }

    /// Whether an untried instance is available: reachable, not ejected, and admitted by its breaker.
    package func hasOther(than tried: [Instance], at now: NIODeadline) -> Bool {
        entries.contains { !tried.contains($0.instance) && isGood($0, at: now) }
    }

    private func isGood(_ entry: Entry, at now: NIODeadline) -> Bool {
        entry.isReachable(at: now) && !(configuration.ejection.mode == .enforce && entry.ejection.isEjected(at: now))
            && !(configuration.breaker.mode == .enforce && !entry.breaker.admits(at: now))
    }

    // MARK: Attempts

    /// Starts an attempt, if possible at an instance that was not tried.
    ///
    /// `mayRepeat` says that another attempt may follow. The attempt gets a shortened timeout only if another instance
    /// is available and the retry budget covers a retry of all attempts with a shortened timeout. Otherwise it keeps
    /// the full deadline, because a retry would only queue behind the original. If the whole service stalls for a
    /// moment, shortened timeouts would also end all calls in that moment.
    ///
    /// The shortened timeout is a multiple of the command's usual time, so that calls leave an instance that stalls as soon as
    /// it is clear that it does.
    package mutating func attemptBegan(
        group name: String = Command.defaultGroup, command: String? = nil, avoiding tried: [Instance],
        mayRepeat: Bool = false, at now: NIODeadline, random: () -> Double
    ) -> (result: Result<Attempt, Refusal>, decisions: [CallDecision]) {
        var decisions: [CallDecision] = []
        if entries.isEmpty { return (.failure(.noInstances), []) }
        let group = group(name)
        var ticket: CircuitBreaker.Ticket?
        if configuration.breaker.mode != .off || isIsolated {
            let (admission, transition) = groups[group].breaker.callBegan(at: now)
            if let transition { decisions.append(.breaker(.group(name), transition)) }
            switch admission {
            case .allowed(let allowed): ticket = allowed
            case .refused(let retryAfter):
                let decision = CallDecision.rejected(by: .group(name), retryAfter: retryAfter)
                if configuration.breaker.mode == .enforce || isIsolated {
                    return (.failure(.breaker(retryAfter: retryAfter)), decisions + [decision])
                }
                decisions.append(.observed("\(decision)"))
            }
        }
        let ejected = mayRepeat ? ejectedToTest(avoiding: tried, at: now) : nil
        if let ejected { entries[ejected].ejection.testBegan(at: now) }
        let at = ejected ?? pick(avoiding: tried, at: now, random: random)
        var instanceTicket: CircuitBreaker.Ticket?
        if configuration.breaker.mode != .off {
            let (admission, transition) = entries[at].breaker.callBegan(at: now)
            if let transition { decisions.append(.breaker(.instance(entries[at].instance), transition)) }
            // `pick` chooses an instance whose breaker refuses only if all refuse. Then the group's breaker decides.
            if case .allowed(let allowed) = admission { instanceTicket = allowed }
        }
        let isTest = entries[at].backsOffUntil.map { now >= $0 } ?? false
        // This attempt tests whether the instance is back. Meanwhile the instance backs off for other calls.
        if isTest { entries[at].backsOffUntil = now + configuration.connectTimeout }
        entries[at].inFlight += 1
        let isLimited = mayRepeat && canLeave(at, avoiding: tried, at: now)
        if isLimited { limitedInFlight += 1 }
        let timed = entries.count > 1 ? command : nil
        let attempt = Attempt(
            instance: entries[at].instance, serial: entries[at].serial,
            limit: isLimited ? usualTimes.limit(of: timed, configuration.retry) : nil,
            command: timed, isTest: isTest, testsEjected: ejected != nil, place: at, group: group, groupTicket: ticket,
            instanceTicket: instanceTicket)
        return (.success(attempt), decisions)
    }

    /// Whether an attempt at an instance can be ended early: another one is available, and the budget covers the retry.
    private func canLeave(_ place: Int, avoiding tried: [Instance], at now: NIODeadline) -> Bool {
        hasOther(than: tried + [entries[place].instance], at: now)
            && (configuration.budget.mode != .enforce || Double(limitedInFlight + 1) <= budget.available)
    }

    /// An ejected instance that this attempt may test, because the call can go on elsewhere if the test fails.
    private func ejectedToTest(avoiding tried: [Instance], at now: NIODeadline) -> Int? {
        guard configuration.ejection.mode == .enforce, entries.count > 1, !isIsolated else { return nil }
        return entries.indices.first { place in
            let entry = entries[place]
            return entry.ejection.mayBeTested(at: now) && entry.isReachable(at: now)
                && !(configuration.breaker.mode == .enforce && !entry.breaker.admits(at: now))
                && !tried.contains(entry.instance) && canLeave(place, avoiding: tried, at: now)
        }
    }

    /// Narrows the instances down in this order: reachable, not ejected, admitted by their breakers, without a stream that just
    /// broke, not tried. Skips a step that would leave no instance.
    private mutating func pick(avoiding tried: [Instance], at now: NIODeadline, random: () -> Double) -> Int {
        if entries.count == 1 { return 0 }
        var places = Array(entries.indices)
        func narrow(_ keep: (Entry) -> Bool) {
            let kept = places.filter { keep(entries[$0]) }
            if !kept.isEmpty { places = kept }
        }
        narrow { $0.isReachable(at: now) }
        if configuration.ejection.mode == .enforce {
            let good = places.filter { !entries[$0].ejection.isEjected(at: now) }
            // If more than half of the instances are ejected, the cause is elsewhere, and the client uses all.
            if good.count * 2 >= places.count, !good.isEmpty { places = good }
        }
        if configuration.breaker.mode == .enforce { narrow { $0.breaker.admits(at: now) } }
        narrow { entry in !(entry.passedOverUntil.map { now < $0 } ?? false) }
        // The last step, because a live instance that was tried is better than a dead one that was not.
        if !tried.isEmpty { narrow { !tried.contains($0.instance) } }
        if places.count == 1 { return places[0] }
        let candidates = candidates(places, at: now)
        return balancer.choose(candidates, random: random)?.index ?? places[0]
    }

    private func candidates(_ places: [Int], at now: NIODeadline) -> [Candidate] {
        // An instance without a known latency counts as the mean of the others.
        let isByLatency = configuration.balancing == .peakEWMA
        let known = isByLatency ? places.filter { entries[$0].hasLatency } : []
        let usual =
            known.isEmpty
            ? 1e-3 : known.reduce(0) { $0 + entries[$1].latency.value(at: now) } / Double(known.count)
        return places.map { place in
            let entry = entries[place]
            let age = entry.addedAt.map { now.since($0).inSeconds / max(1e-9, configuration.slowStart.inSeconds) }
            let isKnown = isByLatency && entry.hasLatency
            return Candidate(
                index: place, inFlight: entry.inFlight,
                latency: max(1e-6, isKnown ? entry.latency.value(at: now) : usual),
                weight: min(1, max(0.1, age ?? 1)))
        }
    }

    /// Ends an attempt. `latency` counts only if the instance answered, also with a failure or a refusal.
    package mutating func attemptEnded(
        _ attempt: Attempt, _ result: AttemptResult, latency: Duration, at now: NIODeadline, random: () -> Double
    ) -> [CallDecision] {
        var decisions: [CallDecision] = []
        if attempt.isLimited { limitedInFlight -= 1 }
        usualTimes.ended(attempt, result, latency: latency)
        let isInPlace = attempt.place < entries.count && entries[attempt.place].serial == attempt.serial
        let place = isInPlace ? attempt.place : entries.firstIndex { $0.serial == attempt.serial }
        // While another instance is available, a lost or failed connection does not count for the group's breaker.
        let isOneOfMany =
            result == .unreachable || result == .lost
            ? entries.contains { $0.serial != attempt.serial && isGood($0, at: now) } : false
        if let ticket = attempt.groupTicket {
            let outcome = isOneOfMany ? .unknown : result.outcome
            let group = groups[attempt.group]
            if let transition = groups[attempt.group].breaker.callEnded(outcome, ticket, at: now, random: random) {
                decisions.append(.breaker(.group(group.name), transition))
            }
        }
        guard let place else { return decisions }
        entries[place].inFlight -= 1
        let instance = entries[place].instance
        if let ticket = attempt.instanceTicket,
            let transition = entries[place].breaker.callEnded(result.outcome, ticket, at: now, random: random)
        {
            decisions.append(.breaker(.instance(instance), transition))
        }
        switch result {
        // Calls that wait for one connection fail together. They are one failure, after which the instance backs off.
        case .unreachable where attempt.isTest || entries[place].isReachable(at: now):
            entries[place].connectFailures += 1
            let delay = configuration.reconnect.delay(failures: entries[place].connectFailures, random: random())
            entries[place].backsOffUntil = now + delay
            decisions.append(.unreachable(instance, for: delay))
        case .answered, .answeredLate, .answeredClientStream, .failed, .overloaded:
            entries[place].connectFailures = 0
            entries[place].backsOffUntil = nil
            if configuration.balancing == .peakEWMA, result != .answeredClientStream {
                entries[place].latency.observed(latency, at: now)
                entries[place].hasLatency = true
            }
        // Without an answer, the backoff and the latency stay as they are.
        case .timedOut, .lost, .sent, .abandoned, .unreachable: break
        }
        if result == .lost {
            // Calls that were under way over a connection are lost together. They are one failure.
            let isKnown = entries[place].lostAt.map { now - .nanoseconds(latency.nanoseconds) <= $0 } ?? false
            if isKnown { return decisions }
            entries[place].lostAt = now
        }
        if attempt.testsEjected, result.isSuccess == true, entries[place].ejection.isEjected(at: now) {
            entries[place].ejection.testSucceeded()
            decisions.append(.readmitted(instance))
        }
        decisions += eject(place, result, at: now, random: random)
        return decisions
    }

    mutating func eject(
        _ place: Int, _ result: AttemptResult, at now: NIODeadline, random: () -> Double
    ) -> [CallDecision] {
        guard configuration.ejection.mode != .off else { return [] }
        var decisions: [CallDecision] = []
        func note(_ instance: Instance, _ duration: Duration) {
            let decision = CallDecision.ejected(instance, for: duration)
            decisions.append(configuration.ejection.mode == .enforce ? decision : .observed("\(decision)"))
        }
        // The last instance that is not ejected is never ejected.
        let othersIn = entries.indices.contains { $0 != place && !entries[$0].ejection.isEjected(at: now) }
        if let success = result.isSuccess, othersIn || success,
            let duration = entries[place].ejection.callEnded(success: success, at: now, random: random)
        {
            note(entries[place].instance, duration)
        }
        guard let end = intervalEnd else {
            intervalEnd = now + configuration.ejection.interval
            return decisions
        }
        guard now >= end else { return decisions }
        intervalEnd = now + configuration.ejection.interval
        let threshold = Ejection.threshold(of: entries.compactMap(\.ejection.successRate), configuration.ejection)
        for at in entries.indices {
            let others = entries.indices.contains { $0 != at && !entries[$0].ejection.isEjected(at: now) }
            if let threshold, let rate = entries[at].ejection.successRate, rate < threshold, rate < 1, others,
                !entries[at].ejection.isEjected(at: now)
            {
                note(entries[at].instance, entries[at].ejection.eject(at: now, random: random))
            }
            entries[at].ejection.intervalEnded(at: now)
        }
        return decisions
    }
}

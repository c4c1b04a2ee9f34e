package import NIOCore
import RookeryCore

/// Everything a client knows about a destination: its instances, who may be called, and how much.
///
/// A value, pure: time and randomness are parameters, and its owner makes the calls.
package struct DestinationMachine: Sendable {
    /// An attempt under way. Hand it back to ``attemptEnded(_:_:latency:at:random:)`` on every path.
    package struct Attempt: Sendable, Hashable {
        /// Where it goes.
        package let instance: Instance
        /// Tells the instance's stay in the list from an earlier one of the same address.
        package let serial: UInt64
        /// Whether it gets only a part of the call's time, because another one could follow it.
        package let isLimited: Bool
        /// Where it stood in the list.
        fileprivate let place: Int
        fileprivate let group: Int
        fileprivate let groupTicket: CircuitBreaker.Ticket?
        fileprivate let instanceTicket: CircuitBreaker.Ticket?
    }

    /// Why there is no attempt.
    package enum Refusal: Error, Sendable, Hashable {
        /// The breaker is open.
        case breaker(retryAfter: Duration)
        /// No instance serves the destination.
        case noInstances
    }

    private struct Entry: Sendable {
        let instance: Instance
        /// Tells this stay in the list from an earlier one of the same address.
        let serial: UInt64
        /// Nil when it was there from the start, and so is nothing new.
        let addedAt: NIODeadline?
        var inFlight = 0
        var latency: PeakEWMA
        var hasLatency = false
        var ejection: Ejection
        var breaker: CircuitBreaker
        var connectFailures = 0
        var leftAloneUntil: NIODeadline?

        func isReachable(at now: NIODeadline) -> Bool { leftAloneUntil.map { now >= $0 } ?? true }
    }

    /// A bulkhead: what happens to the commands of one group does not reach the others.
    private struct Group: Sendable {
        let name: String
        let maximumCalls: Int
        var breaker: CircuitBreaker
        var callsInFlight = 0
    }

    private let configuration: ClientConfiguration
    private var entries: [Entry] = []
    /// In the order in which they were first called; the first one is the default group.
    private var groups: [Group] = []
    private var isIsolated = false
    private var budget: RetryBudget
    private var balancer: Balancer
    private var nextSerial: UInt64 = 0
    private var intervalEnd: NIODeadline?
    /// The first list is there from the start: none of its instances is new among others.
    private var hadInstances = false
    /// Attempts under way that get only a part of their call's time.
    private var limitedInFlight = 0

    /// A destination without instances.
    package init(_ configuration: ClientConfiguration) {
        self.configuration = configuration
        budget = RetryBudget(configuration.budget)
        balancer = Balancer(configuration.balancing)
        _ = group(Command.defaultGroup)
    }

    /// The position of a group. Groups come from contracts, so there are few, and a search costs less than a hash.
    private mutating func group(_ name: String) -> Int {
        if let at = groups.firstIndex(where: { $0.name == name }) { return at }
        var breaker = CircuitBreaker(configuration.breaker)
        if isIsolated { _ = breaker.isolate() }
        groups.append(Group(name: name, maximumCalls: maximumCalls(of: name), breaker: breaker))
        return groups.count - 1
    }

    /// The instances there are.
    package var instances: [Instance] { entries.map(\.instance) }
    /// Attempts under way.
    package var attemptsInFlight: Int { entries.reduce(0) { $0 + $1.inFlight } }
    /// Attempts under way that are cut short when they take long.
    package var limitedAttempts: Int { limitedInFlight }
    /// Calls under way, of all groups.
    package var callsInFlight: Int { groups.reduce(0) { $0 + $1.callsInFlight } }
    /// Breaker probes that are out, of all groups and instances.
    package var probesOut: Int {
        groups.reduce(entries.reduce(0) { $0 + $1.breaker.probesOut }) { $0 + $1.breaker.probesOut }
    }
    /// Where the breaker of a group stands.
    package func breakerPosition(of group: String = Command.defaultGroup) -> CircuitBreaker.Position {
        groups.first { $0.name == group }?.breaker.position ?? (isIsolated ? .isolated : .closed)
    }
    /// Retries that the budget has left.
    package var retriesAvailable: Double { budget.available }

    // MARK: Instances

    /// The list of instances is another one now; gives the serials of those that are gone.
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

    /// A call of a group wants to begin; false when there are as many under way as ``maximumCalls(of:)``.
    package mutating func callBegan(group name: String = Command.defaultGroup, at now: NIODeadline) -> Bool {
        let at = group(name)
        if configuration.concurrency.mode == .enforce, groups[at].callsInFlight >= groups[at].maximumCalls {
            return false
        }
        groups[at].callsInFlight += 1
        budget.requestBegan(at: now)
        return true
    }

    /// Calls of a group that may be under way.
    package func maximumCalls(of group: String = Command.defaultGroup) -> Int {
        configuration.groups[group]?.maximumCalls ?? configuration.concurrency.maximumCalls
    }

    /// Whether a group has more calls under way than allowed, for a limit that only observes.
    package func isOverLimit(group name: String = Command.defaultGroup) -> Bool {
        guard configuration.concurrency.mode == .observe else { return false }
        return groups.contains { $0.name == name && $0.callsInFlight > $0.maximumCalls }
    }

    /// A call of a group that had begun is over.
    package mutating func callEnded(group name: String = Command.defaultGroup) {
        groups[group(name)].callsInFlight -= 1
    }

    /// A retry wants to be made; false when the budget is used up.
    package mutating func retryWanted(at now: NIODeadline) -> (isAllowed: Bool, observed: CallDecision?) {
        if configuration.budget.mode == .off || budget.withdraw(at: now) { return (true, nil) }
        if configuration.budget.mode == .enforce { return (false, nil) }
        return (true, .observed("kept from retrying: the budget is used up"))
    }

    /// Whether there is an instance, in whatever state, beside those that were tried.
    package func hasUntried(_ tried: [Instance]) -> Bool { entries.contains { !tried.contains($0.instance) } }

    /// Whether there is an instance that can be expected to answer, beside those that were tried.
    package func hasOther(than tried: [Instance], at now: NIODeadline) -> Bool {
        entries.contains { !tried.contains($0.instance) && isGood($0, at: now) }
    }

    private func isGood(_ entry: Entry, at now: NIODeadline) -> Bool {
        entry.isReachable(at: now) && !(configuration.ejection.mode == .enforce && entry.ejection.isEjected(at: now))
            && !(configuration.breaker.mode == .enforce && !entry.breaker.admits(at: now))
    }

    // MARK: Attempts

    /// An attempt wants to begin, at another instance than those tried if there is one. With `mayRepeat` another one could
    /// follow if it takes too long; it is only cut short when there is an instance that has not been tried, and when the budget
    /// has a retry for it, and for all others that may be cut short. Else waiting for its answer is the better choice: who asks
    /// again stands at the end of the queue, and when a whole service stands still for a moment, all calls would be given up in
    /// that moment.
    package mutating func attemptBegan(
        group name: String = Command.defaultGroup, avoiding tried: [Instance], mayRepeat: Bool = false,
        at now: NIODeadline, random: () -> Double
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
        let at = pick(avoiding: tried, at: now, random: random)
        var instanceTicket: CircuitBreaker.Ticket?
        if configuration.breaker.mode != .off {
            let (admission, transition) = entries[at].breaker.callBegan(at: now)
            if let transition { decisions.append(.breaker(.instance(entries[at].instance), transition)) }
            // One that refuses is only chosen when all do: then it is the destination's breaker that decides.
            if case .allowed(let allowed) = admission { instanceTicket = allowed }
        }
        if let until = entries[at].leftAloneUntil, now >= until {
            // This call finds out whether it is back; others wait until that is known.
            entries[at].leftAloneUntil = now + configuration.connectTimeout
        }
        entries[at].inFlight += 1
        let isLimited =
            mayRepeat && hasOther(than: tried + [entries[at].instance], at: now)
            && (configuration.budget.mode != .enforce || Double(limitedInFlight + 1) <= budget.available)
        if isLimited { limitedInFlight += 1 }
        let attempt = Attempt(
            instance: entries[at].instance, serial: entries[at].serial, isLimited: isLimited, place: at, group: group,
            groupTicket: ticket, instanceTicket: instanceTicket)
        return (.success(attempt), decisions)
    }

    /// Narrows the instances down, as long as some are left: reachable, not ejected, breaker closed, not tried.
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
            // With fewer than half of all left, it is not they who are at fault, and all are used.
            if good.count * 2 >= places.count, !good.isEmpty { places = good }
        }
        if configuration.breaker.mode == .enforce { narrow { $0.breaker.admits(at: now) } }
        // Last: one that was tried and lives is better than one that was not and does not.
        if !tried.isEmpty { narrow { !tried.contains($0.instance) } }
        if places.count == 1 { return places[0] }
        let candidates = candidates(places, at: now)
        return balancer.choose(candidates, random: random)?.index ?? places[0]
    }

    private func candidates(_ places: [Int], at now: NIODeadline) -> [Candidate] {
        // An instance that was never called is taken to be as fast as the others.
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

    /// An attempt is over. `latency` counts when it was answered.
    package mutating func attemptEnded(
        _ attempt: Attempt, _ result: AttemptResult, latency: Duration, at now: NIODeadline, random: () -> Double
    ) -> [CallDecision] {
        var decisions: [CallDecision] = []
        if attempt.isLimited { limitedInFlight -= 1 }
        let isInPlace = attempt.place < entries.count && entries[attempt.place].serial == attempt.serial
        let place = isInPlace ? attempt.place : entries.firstIndex { $0.serial == attempt.serial }
        // While others can be reached, that one cannot says nothing about the destination.
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
        case .unreachable:
            entries[place].connectFailures += 1
            let delay = configuration.reconnect.delay(failures: entries[place].connectFailures, random: random())
            entries[place].leftAloneUntil = now + delay
            decisions.append(.unreachable(instance, for: delay))
        case .answered, .answeredLate, .failed, .overloaded:
            entries[place].connectFailures = 0
            entries[place].leftAloneUntil = nil
            if configuration.balancing == .peakEWMA {
                entries[place].latency.observed(latency, at: now)
                entries[place].hasLatency = true
            }
        // Nothing came, so nothing is known to be there.
        case .timedOut, .lost, .sent, .abandoned: break
        }
        decisions += eject(place, result, at: now, random: random)
        return decisions
    }

    private mutating func eject(
        _ place: Int, _ result: AttemptResult, at now: NIODeadline, random: () -> Double
    ) -> [CallDecision] {
        guard configuration.ejection.mode != .off else { return [] }
        var decisions: [CallDecision] = []
        func note(_ instance: Instance, _ duration: Duration) {
            let decision = CallDecision.ejected(instance, for: duration)
            decisions.append(configuration.ejection.mode == .enforce ? decision : .observed("\(decision)"))
        }
        // The last one that is left in is never left out.
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

    // MARK: By hand

    /// Refuses every call until ``reset()``.
    package mutating func isolate() -> [CallDecision] {
        isIsolated = true
        return groups.indices.compactMap { at in
            groups[at].breaker.isolate().map { .breaker(.group(groups[at].name), $0) }
        }
    }

    /// Forgets what the breakers know, and lets calls through.
    package mutating func reset() -> [CallDecision] {
        isIsolated = false
        var decisions: [CallDecision] = []
        for at in groups.indices {
            if let transition = groups[at].breaker.reset() {
                decisions.append(.breaker(.group(groups[at].name), transition))
            }
        }
        for at in entries.indices {
            if let transition = entries[at].breaker.reset() {
                decisions.append(.breaker(.instance(entries[at].instance), transition))
            }
        }
        return decisions
    }

    /// What stands where, for health answers and people.
    package func status(at now: NIODeadline) -> DestinationStatus {
        DestinationStatus(
            groups: groups.map { group in
                DestinationStatus.GroupStatus(
                    name: group.name, breaker: group.breaker.position, admits: group.breaker.admits(at: now),
                    callsInFlight: group.callsInFlight)
            },
            instances: entries.map { entry in
                DestinationStatus.InstanceStatus(
                    instance: entry.instance, breaker: entry.breaker.position,
                    isEjected: entry.ejection.isEjected(at: now),
                    isReachable: entry.connectFailures == 0, inFlight: entry.inFlight)
            })
    }
}

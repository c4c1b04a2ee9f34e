package import NIOCore
import RookeryCore

extension DestinationMachine {
    // MARK: By hand

    /// Isolates the breakers of all groups, which refuse every call until ``reset()``.
    package mutating func isolate() -> [CallDecision] {
        isIsolated = true
        return groups.indices.compactMap { at in
            groups[at].breaker.isolate().map { .breaker(.group(groups[at].name), $0) }
        }
    }

    /// Closes all breakers and clears their counts.
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

    /// The current state, for health reports and people.
    package func status(at now: NIODeadline) -> DestinationStatus {
        DestinationStatus(
            groups: groups.map { group in
                DestinationStatus.GroupStatus(
                    name: group.name, breaker: group.breaker.position, admits: group.breaker.admits(at: now),
                    timeUntilProbe: group.breaker.timeUntilProbe(at: now),
                    callsInFlight: group.callsInFlight)
            },
            instances: entries.map { entry in
                DestinationStatus.InstanceStatus(
                    instance: entry.instance, breaker: entry.breaker.position,
                    timeUntilProbe: entry.breaker.timeUntilProbe(at: now),
                    ejectedFor: entry.ejection.timeLeft(at: now),
                    isReachable: entry.connectFailures == 0, inFlight: entry.inFlight)
            })
    }
}

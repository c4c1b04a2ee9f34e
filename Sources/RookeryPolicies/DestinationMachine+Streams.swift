package import NIOCore

extension DestinationMachine {
    /// How long an instance is passed over after a stream from it broke.
    package static let passOver: Duration = .seconds(1)

    /// Notes how an open stream ended. The opening itself has ended before.
    ///
    /// After a failure, attempts prefer other instances for ``passOver``, so that the stream opens again elsewhere. Unless the
    /// instance `isStopping`, it also counts for the breaker and the ejection of the instance, once in that time: many streams share
    /// a connection. Any other end, and a removed instance, change nothing.
    package mutating func streamEnded(
        _ opening: Attempt, _ result: AttemptResult, isStopping: Bool = false, at now: NIODeadline,
        random: () -> Double
    ) -> [CallDecision] {
        guard result.isSuccess == false, let place = entries.firstIndex(where: { $0.serial == opening.serial }) else {
            return []
        }
        var decisions: [CallDecision] = []
        let instance = entries[place].instance
        let isCounted = entries[place].passedOverUntil.map { now < $0 } ?? false
        entries[place].passedOverUntil = now + Self.passOver
        if isStopping || isCounted { return [] }
        // A breaker that is not closed decides by probes, which a stream of before is none of.
        if configuration.breaker.mode != .off, entries[place].breaker.position == .closed {
            let (admission, transition) = entries[place].breaker.callBegan(at: now)
            if let transition { decisions.append(.breaker(.instance(instance), transition)) }
            if case .allowed(let ticket) = admission,
                let transition = entries[place].breaker.callEnded(result.outcome, ticket, at: now, random: random)
            {
                decisions.append(.breaker(.instance(instance), transition))
            }
        }
        return decisions + eject(place, result, at: now, random: random)
    }
}

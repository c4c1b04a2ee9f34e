package import NIOCore

extension DestinationMachine {
    /// How long an instance is passed over after a stream from it broke.
    package static let passOver: Duration = .seconds(1)

    /// Notes that an open stream broke: it was lost, or fell silent. The opening itself has ended before.
    ///
    /// For ``passOver``, attempts prefer other instances, so that the stream opens again elsewhere. Unless the instance
    /// `isStopping`, the break counts as a failure for its breaker and its ejection. Any other result, and a removed instance,
    /// change nothing.
    package mutating func streamEnded(
        _ opening: Attempt, _ result: AttemptResult, isStopping: Bool = false, at now: NIODeadline,
        random: () -> Double
    ) -> [CallDecision] {
        guard result.isSuccess == false, let place = entries.firstIndex(where: { $0.serial == opening.serial }) else {
            return []
        }
        var decisions: [CallDecision] = []
        let instance = entries[place].instance
        entries[place].passedOverUntil = now + Self.passOver
        if isStopping { return [] }
        if configuration.breaker.mode != .off {
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

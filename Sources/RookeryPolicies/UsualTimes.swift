/// The usual times of a destination's commands, by their names on the wire.
struct UsualTimes: Sendable {
    private var byCommand: [String: UsualTime] = [:]
    /// The most commands whose times are kept. Contracts have fewer.
    private static let limit = 1000

    /// Notes how an attempt ended. `latency` is the time of an answer.
    mutating func ended(_ attempt: DestinationMachine.Attempt, _ result: AttemptResult, latency: Duration) {
        guard let command = attempt.command, byCommand.count < Self.limit || byCommand[command] != nil else { return }
        switch result {
        case .answered, .answeredLate: byCommand[command, default: UsualTime()].answered(after: latency)
        // It may be slow rather than stalled. A command whose attempts are often cut gets more time.
        case .timedOut:
            if let limit = attempt.limit { byCommand[command, default: UsualTime()].answered(after: limit) }
        default: break
        }
    }

    /// The shortened timeout of an attempt at a command, within the bounds of the policy.
    func limit(of command: String?, _ retry: ClientConfiguration.Retry) -> Duration {
        (command.flatMap { byCommand[$0] } ?? UsualTime())
            .limit(atLeast: retry.minimumAttemptTimeout, atMost: retry.attemptTimeout)
    }
}

import Logging
import NIOCore
import RookeryPolicies

// What was decided, for logs, metrics and the trace of the call.
extension Destination {
    func note(_ decisions: [CallDecision], _ command: String) {
        let now = environment.now()
        for decision in decisions {
            counters.count(decision)
            noteQuietly(decision, command, now)
            switch decision {
            case .breaker, .ejected, .unreachable:
                logger.notice("\(decision)", metadata: ["decision": "\(decision.kind)"])
            default:
                logger.debug("\(decision)", metadata: ["decision": "\(decision.kind)", "command": "\(command)"])
            }
        }
    }

    /// In the trace only, and at the lowest level: there is one for each attempt.
    func noteQuietly(_ decision: CallDecision, _ command: String, _ now: NIODeadline) {
        CallTrace.current?.note(decision, name, command, at: now)
        if case .picked = decision { counters.count(decision) }
        guard case .picked = decision, logger.logLevel <= .debug else { return }
        logger.debug("\(decision)", metadata: ["decision": "picked", "command": "\(command)"])
    }
}

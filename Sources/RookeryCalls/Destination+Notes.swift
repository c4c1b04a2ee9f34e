import Logging
import NIOCore
import RookeryPolicies

// Reports decisions to logs, metrics and the trace of the call.
extension Destination {
    func note(_ decisions: [CallDecision], _ command: String) {
        let now = environment.now()
        for decision in decisions {
            counters.count(decision)
            noteQuietly(decision, command, now)
            switch decision {
            case .breaker, .ejected, .readmitted, .unreachable:
                history.note(decision, at: now)
                logger.notice("\(decision)", metadata: ["decision": "\(decision.kind)"])
            // As many as there are streams to an instance that has died.
            case .reopened:
                logger.info("\(decision)", metadata: ["decision": "\(decision.kind)", "command": "\(command)"])
            default:
                logger.debug("\(decision)", metadata: ["decision": "\(decision.kind)", "command": "\(command)"])
            }
        }
    }

    /// Adds a decision to the trace. Also counts a `picked` decision and logs it at debug level: each attempt makes
    /// one.
    func noteQuietly(_ decision: CallDecision, _ command: String, _ now: NIODeadline) {
        CallTrace.current?.note(decision, name, command, at: now)
        if case .picked = decision { counters.count(decision) }
        guard case .picked = decision, logger.logLevel <= .debug else { return }
        logger.debug("\(decision)", metadata: ["decision": "picked", "command": "\(command)"])
    }
}

import NIOCore
package import RookeryCore
import RookeryPolicies
import RookeryWire
import Synchronization

extension Destination {
    /// Counts the end of an open stream at its instance if the stream was lost, fell silent, or cannot be read. What its handler
    /// says, the last value, and a reader that leaves change nothing.
    func streamEnded(_ opening: DestinationMachine.Attempt, _ error: (any Error)?, _ command: Command) {
        guard let error else { return }
        let now = environment.now()
        let result = FailedAttempt(error).result
        let isStopping = (error as? RemoteError)?.code == .shuttingDown
        guard isStopping || error is CallError else { return }
        let decisions = state.withLock {
            $0.machine.streamEnded(opening, result, isStopping: isStopping, at: now, random: environment.random)
        }
        if result == .lost { discovery.suspect() }
        if !decisions.isEmpty { note(decisions, command.name) }
    }

    /// Takes a retry from the budget, and waits: up to a tenth of a second after the first failure, because another instance may
    /// be there, and later as long as before another connection. A longer wait that the peer asks for comes first.
    package func mayReopen(_ command: Command, after error: any Error, failures: Int) async throws -> Bool {
        let now = environment.now()
        let failure = FailedAttempt(error).failure
        let (isAllowed, observed) = state.withLock { $0.machine.retryWanted(after: failure, at: now) }
        if let observed { note([observed], command.name) }
        guard isAllowed else {
            note([.notRetried(.budget)], command.name)
            return false
        }
        let random = environment.random()
        let own: Duration =
            failures == 1
            ? .milliseconds(100) * random : configuration.reconnect.delay(failures: failures - 1, random: random)
        let delay = max(own, ResumptionState.wait(askedBy: error))
        note([.reopened(after: delay, because: "\(error)")], command.name)
        try await environment.sleep(delay)
        return true
    }
}

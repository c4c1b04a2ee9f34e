package import RookeryPolicies
import Synchronization

extension Destination {
    /// The current state of breakers and instances.
    package var status: DestinationStatus {
        let now = environment.now()
        return state.withLock { $0.machine.status(at: now) }
    }

    /// The numbers of calls, attempts and breaker probes under way.
    package var gauges: (calls: Int, attempts: Int, probes: Int) {
        state.withLock { ($0.machine.callsInFlight, $0.machine.attemptsInFlight, $0.machine.probesOut) }
    }

    /// The number of connections to all instances that are open or being opened.
    package var connectionCount: Int {
        get async {
            var count = 0
            for transport in state.withLock({ Array($0.transports.values) }) {
                count += await transport.connectionCount
            }
            return count
        }
    }

    /// The number of retries that the budget covers now.
    package var retriesAvailable: Double { state.withLock { $0.machine.retriesAvailable } }
}

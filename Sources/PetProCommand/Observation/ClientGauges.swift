import CoreMetrics
import Logging
import PetProRuntime
import Rookery
import ServiceLifecycle

/// The state of a process's clients as gauges, by caller and destination: `rookery_client_instances` by state,
/// `rookery_client_open_breakers`, `rookery_client_attempts` under way, `rookery_client_connections` and
/// `rookery_client_retries_available`.
enum ClientGauges {
    /// How often the gauges are set: every 5 s.
    static let interval: Duration = .seconds(5)

    /// Sets the gauges of clients without end.
    static func service(_ clients: [RookeryClient], of caller: String, logger: Logger) -> PeriodicService {
        PeriodicService("the state of the clients", every: interval, logger: logger) {
            for client in clients {
                guard let destination = client.destination else { continue }
                let dimensions = [("caller", caller), ("destination", destination.name)]
                set(destination.status, dimensions)
                Gauge(label: "rookery_client_connections", dimensions: dimensions)
                    .record(await destination.connectionCount)
                Gauge(label: "rookery_client_retries_available", dimensions: dimensions)
                    .record(destination.retriesAvailable)
            }
        }
    }

    /// The states of instances, each of which has one.
    private enum State: String, CaseIterable {
        case available, ejected, unreachable

        init(_ instance: DestinationStatus.InstanceStatus) {
            self = !instance.isReachable ? .unreachable : instance.isEjected ? .ejected : .available
        }
    }

    private static func set(_ status: DestinationStatus, _ dimensions: [(String, String)]) {
        func record(_ name: String, _ value: Int, _ more: [(String, String)] = []) {
            Gauge(label: name, dimensions: dimensions + more).record(value)
        }
        let states = status.instances.map { State($0) }
        for state in State.allCases {
            record("rookery_client_instances", states.count { $0 == state }, [("state", state.rawValue)])
        }
        let open = status.groups.count { $0.breaker != .closed } + status.instances.count { $0.breaker != .closed }
        record("rookery_client_open_breakers", open)
        record("rookery_client_attempts", status.instances.reduce(0) { $0 + $1.inFlight })
    }
}

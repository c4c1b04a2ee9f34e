import CoreMetrics
import Logging
import PetProRuntime
import Rookery
import RookeryTCP
import ServiceLifecycle

/// The state of a service's server as gauges: `rookery_server_connections`, `rookery_server_memory_bytes` that it holds for peers, and
/// `rookery_server_messages` being handled.
enum ServerGauges {
    /// Sets the gauges without end, as often as ``ClientGauges/interval``.
    static func service(_ server: RookeryServer, of name: String, logger: Logger) -> PeriodicService {
        PeriodicService("the state of the server", every: ClientGauges.interval, logger: logger) {
            func set(_ label: String, _ value: Int) {
                Gauge(label: label, dimensions: [("service", name)]).record(value)
            }
            set("rookery_server_connections", server.connectionCount)
            set("rookery_server_memory_bytes", server.memoryInUse)
            set("rookery_server_messages", server.messagesInFlight)
        }
    }
}

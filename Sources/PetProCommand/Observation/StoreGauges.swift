import CoreMetrics
import Logging
import PetProContracts
import PetProRuntime
import PetProStorage
import ServiceLifecycle

/// The state of a service's database as gauges: `petpro_database_jobs_waiting`, and by subscriber `petpro_events_lacking`,
/// `petpro_events_blocked` and `petpro_dead_letters`.
enum StoreGauges {
    /// How often the gauges are set: every 5 s.
    static let interval: Duration = .seconds(5)

    /// Sets the gauges without end. Those of events are 0 unless this instance has the lease of the background work, so that a sum
    /// over the instances is right.
    static func service(
        of publisher: ServiceName, _ database: Database, _ lease: WorkLease, logger: Logger
    ) -> PeriodicService {
        PeriodicService("the state of the database", every: interval, logger: logger) {
            Gauge(label: "petpro_database_jobs_waiting", dimensions: [("service", publisher.rawValue)])
                .record(database.jobsWaiting)
            let isHeld = lease.isHeld
            for subscription in try await database.read({ try $0.subscriptions(of: publisher) }) {
                func set(_ name: String, _ value: Int) {
                    let dimensions = [
                        ("service", publisher.rawValue), ("subscriber", subscription.subscriber.rawValue),
                    ]
                    Gauge(label: name, dimensions: dimensions).record(isHeld ? value : 0)
                }
                set("petpro_events_lacking", subscription.lacking)
                set("petpro_events_blocked", subscription.blocked)
                set("petpro_dead_letters", subscription.deadLetters)
            }
        }
    }
}

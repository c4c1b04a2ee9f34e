import PetProContracts
import Rookery

/// An event that some subscriber has not acknowledged.
struct UndeliveredEvent: Sendable {
    let id: Int
    let subscriber: ServiceName
    let aggregate: String
    let type: String
    let payload: String
    let attempts: Int

    /// How long to wait after that many failed attempts: 100 ms, doubling to 10 s.
    static func delay(attempts: Int) -> Duration {
        min(.milliseconds(100) * (1 << min(attempts, 7)), .seconds(10))
    }
}

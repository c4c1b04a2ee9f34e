import PetProContracts
import Rookery

/// An event that its subscriber has not acknowledged.
struct UndeliveredEvent: Sendable {
    let id: Int
    let subscriber: ServiceName
    let aggregate: String
    let type: String
    let payload: String
    let attempts: Int

    /// Returns how long to wait after a failed attempt: 100 ms, doubling to 10 s. `attempts` is the number of failed
    /// attempts before it.
    static func delay(attempts: Int) -> Duration {
        min(.milliseconds(100) * (1 << min(attempts, 7)), .seconds(10))
    }
}

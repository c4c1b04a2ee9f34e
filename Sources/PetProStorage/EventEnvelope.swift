import PetProContracts
import Rookery

/// An event as subscribers are sent it.
@Message
struct EventEnvelope {
    var eventId: String
    var type: String
    var occurredAt: Instant
    var data: RawJSON
}

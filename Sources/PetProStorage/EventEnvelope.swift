import PetProContracts
import Rookery

/// An event in the form that subscribers receive.
@Message
struct EventEnvelope {
    var eventId: String
    var type: String
    var occurredAt: Instant
    var data: RawJSON
}
